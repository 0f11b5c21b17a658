import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError, isGrpcServiceError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { natureOf } from '../oracle/fault-natures';
import type { Recorded, Report } from '../oracle/observed';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { Simulators } from '../simulators/start-simulators';
import { openDoor } from './door';
import type { Place, World } from './places';
import { doBeforehand, isAtPlaid, layFault, seedUser } from './scenes';
import type { MatrixUser } from './scenes';
import { doorOf, isShutDoor, placeOf, sweepInput, userInput } from './trial';
import type { Trial } from './trial';

/** Nothing that is right takes so long. */
const GIVE_UP_MS = 300_000;
const POLL_MS = 250;
/** A person looks after a key, and the sweep is resumed, so often; then it is cancelled. */
const MOST_RESUMES = 3;

/** A run that has come to its end, or should have. */
export interface EndedRun {
  user: MatrixUser;
  workflowId: string;
  end: RunEnd;
  /** How often a connection was refused. */
  refusals: number;
  /** What was called before belongs to somebody else. */
  after: { plaid: number; batch: number };
}

/** What its caller sees of a run. */
export type RunEnd =
  | { status: string; steps: Report['steps']; compensations: NonNullable<Report['compensations']> }
  | { sweepStatus: string }
  | { problem: string };

/** A run that has come to its end, with what the ledger says of it. */
export interface RecordedRun extends EndedRun {
  report?: Report;
  problem?: string;
  receipts: readonly Recorded[];
}

/** Runs one trial in the given place, which others share, or in one of its own where it would disturb them. */
export async function runTrial(world: World, shared: Place, trial: Trial): Promise<EndedRun | RecordedRun> {
  const { simulators } = world;
  const user = seedUser(simulators, randomUUID());
  for (const fault of trial.faults) {
    if (natureOf(fault.fault) === 'goneBefore') await doBeforehand(simulators, user, fault.call);
    layFault(simulators, user, fault);
  }
  const [shut] = trial.faults.filter(({ fault }) => isShutDoor(fault));
  const { url, setting } = providerOf(simulators, shut?.call ?? '');
  const door = shut && (await openDoor(url, doorOf(shut)));
  const own = placeOf(trial) === 'own' ? await world.openPlace(door && { [setting]: door.url }) : undefined;
  try {
    const after = {
      plaid: simulators.plaid.calls({ limit: 0 }).total,
      batch: simulators.batch.calls({ limit: 0 }).total,
    };
    const ended = await (trial.flow === 'sweep' ? runSweep : runUser)(own ?? shared, trial, { user, after });
    const run = { ...ended, refusals: door?.refused() ?? 0 };
    if (!own) return run;
    await own.stopWorker();
    return await withRecords(own, run);
  } finally {
    await own?.close();
    await door?.close();
  }
}

/** Adds what the ledger says. To be asked when no call is under way any more: the outcome of a late one is written late. */
export async function withRecords({ ledger }: Place, run: EndedRun): Promise<RecordedRun> {
  const { workflowId, end } = run;
  if (!('sweepStatus' in end)) {
    const receipts = await ledger.readReceipts({ workflowId });
    return 'problem' in end ? { ...run, receipts, problem: end.problem } : { ...run, receipts, report: end };
  }
  const all = await ledger.sweeps.readReceipts({ sweepId: workflowId, afterSeq: -1, limit: 1_000_000 });
  const receipts = all.filter(({ seq }) => seq === 0);
  return { ...run, receipts, report: { status: end.sweepStatus, steps: stepsIn(receipts) } };
}

function providerOf({ plaid, batch }: Simulators, call: string): { url: string; setting: string } {
  return isAtPlaid(call)
    ? { url: plaid.url, setting: 'PLAID_BASE_URL' }
    : { url: batch.url, setting: 'BATCH_BASE_URL' };
}

type Begun = Pick<EndedRun, 'user' | 'after'>;

async function runUser(place: Place, trial: Trial, begun: Begun): Promise<Omit<EndedRun, 'refusals'>> {
  const workflowId = `faults-${randomUUID()}`;
  const handle = await startRun(place, 'offboardUser', workflowId, userInput(trial, begun.user));
  const end = await endOf<OffboardResult>(handle);
  if (!('result' in end)) return { ...begun, workflowId, end: { problem: end.problem } };
  const { status, steps, compensations } = end.result;
  return { ...begun, workflowId, end: { status, steps, compensations } };
}

async function runSweep(place: Place, trial: Trial, begun: Begun): Promise<Omit<EndedRun, 'refusals'>> {
  // Behind a shut door the order of the calls counts, so nobody else goes through it.
  const neighbour = trial.faults.some(({ fault }) => isShutDoor(fault))
    ? undefined
    : seedUser(place.simulators, randomUUID());
  const workflowId = `faults-${randomUUID()}`;
  const handle = await startRun(place, 'offboardUsers', workflowId, sweepInput(trial, begun.user, neighbour));
  const looksAfterKeys = trial.faults.some(({ fault }) => natureOf(fault) === 'keysRefused');
  const [end] = await Promise.all([endOf<SweepResult>(handle), looksAfterKeys ? lookAfterKeys(handle) : undefined]);
  if ('result' in end)
    return {
      ...begun,
      workflowId,
      end: { sweepStatus: statusOf(end.result, neighbour !== undefined && !trial.endsByDeadline) },
    };
  return { ...begun, workflowId, end: end.cancelled ? { sweepStatus: 'cancelled' } : { problem: end.problem } };
}

/** How the sweep ended; the neighbour, who met no fault, has to be gone unless the time was over for both. */
function statusOf({ status, counts }: SweepResult, neighbourHadTime: boolean): string {
  return neighbourHadTime && counts.removed === 0 ? `${status} without the neighbour` : status;
}

/** The last word on every step. Of a user who was not brought to an end, what earlier rounds had done stands beside the last word. */
function stepsIn(receipts: readonly Recorded[]): Report['steps'] {
  const settled = receipts.filter(({ phase }) => phase === 'settled');
  const names = new Set(settled.map(({ step }) => step));
  const earlier = receipts.filter(
    ({ phase, step, outcome = '' }) => phase === 'outcome' && !names.has(step) && DONE.includes(outcome),
  );
  return [...settled, ...earlier].map(({ step, outcome = '', ...rest }) => ({
    step,
    outcome,
    ...('reason' in rest && typeof rest.reason === 'string' && { reason: rest.reason }),
  }));
}

const DONE: readonly string[] = ['removed', 'accepted', 'alreadyGone'];

/** Requests to the Temporal server are repeated this often, this long apart, when a busy machine answers them too late. */
const MOST_REPEATS = 30;
const REPEAT_AFTER_MS = 1_000;
/** CANCELLED, DEADLINE_EXCEEDED and UNAVAILABLE of gRPC. */
const TRANSIENT: readonly number[] = [1, 4, 14];

/** Repeats a request which the server did not answer in time. */
async function patiently<T>(request: () => Promise<T>): Promise<T> {
  for (let repeats = 0; ; repeats += 1) {
    try {
      return await request();
    } catch (error) {
      const cause = error instanceof Error && !isGrpcServiceError(error) ? error.cause : error;
      const isTransient = isGrpcServiceError(cause) && TRANSIENT.includes(Number(cause.code));
      if (!isTransient || repeats === MOST_REPEATS) throw error;
      await delay(REPEAT_AFTER_MS);
    }
  }
}

/** Starts a run, once, even if the server answers so late that the request is repeated. */
async function startRun(
  { client, taskQueue }: Place,
  type: string,
  workflowId: string,
  input: unknown,
): Promise<WorkflowHandle> {
  return patiently(async () => {
    try {
      const once = { workflowIdReusePolicy: 'REJECT_DUPLICATE' } as const;
      return await client.workflow.start(type, { taskQueue, workflowId, args: [input], ...once });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      return client.workflow.getHandle(workflowId);
    }
  });
}

type End<T> = { result: T } | { problem: string; cancelled: boolean };

async function endOf<T>(handle: WorkflowHandle): Promise<End<T>> {
  const giveUp = new AbortController();
  try {
    return await Promise.race([
      patiently(() => handle.result()).then(
        (result) => ({ result: result as T }),
        (error: unknown) => failedEnd<T>(error),
      ),
      delay(GIVE_UP_MS, undefined, { signal: giveUp.signal }).then(async (): Promise<End<T>> => {
        await patiently(() => handle.terminate('It should have ended long ago.'));
        return { problem: `it had not ended after ${GIVE_UP_MS / 1_000} s`, cancelled: false };
      }),
    ]);
  } finally {
    giveUp.abort();
  }
}

/** A run that failed as it should has its result in the failure's details. */
function failedEnd<T>(error: unknown): End<T> {
  const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
  if (cause instanceof CancelledFailure) return { problem: 'it was cancelled', cancelled: true };
  if (cause instanceof ApplicationFailure && cause.type === 'Offboarding.Failed')
    return { result: cause.details?.[0] as T };
  return { problem: cause instanceof Error ? `it failed: ${cause.message}` : String(error), cancelled: false };
}

/** Plays the person who is told that a key was refused. */
async function lookAfterKeys(handle: WorkflowHandle): Promise<void> {
  for (let resumes = 0; ;) {
    await delay(POLL_MS);
    const { status } = await patiently(() => handle.describe());
    if (status.name !== 'RUNNING') return;
    const progress = await handle.query<SweepProgress, []>('progress').catch(() => undefined);
    if (progress?.status !== 'paused') continue;
    if (resumes === MOST_RESUMES) {
      await patiently(() => handle.cancel());
      return;
    }
    resumes += 1;
    await handle.executeUpdate('resume').catch(() => undefined);
  }
}
