import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { natureOf } from '../oracle/fault-natures';
import type { Recorded, Report } from '../oracle/observed';
import type { OffboardResult } from 'temporal-http-tasks/internal/policy/offboard-result';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import type { Simulators } from '../simulators/start-simulators';
import { openFaultyProxy } from './faulty-proxy';
import type { Place, World } from './places';
import { endOf, patiently, recordsOf, startRun } from './run-workflow';
import type { RunEnd } from './run-workflow';
import { doBeforehand, isAtPlaid, layFault, seedUser } from './scenes';
import type { MatrixUser } from './scenes';
import { proxyOf, isClosedConnection, sweepInput, userInput } from './trial';
import type { Trial } from './trial';

const POLL_MS = 250;
/** Number of times that a key is fixed and the sweep is resumed; then it is cancelled. */
const MOST_RESUMES = 3;

/** A run that has ended, or should have. */
export interface EndedRun {
  user: MatrixUser;
  workflowId: string;
  end: RunEnd;
  /** How often a connection was refused. */
  refusals: number;
  /** Earlier calls belong to another trial. */
  after: { plaid: number; batch: number };
}

/** A run that has ended, with what the ledger says of it. */
export interface RecordedRun extends EndedRun {
  report?: Report;
  problem?: string;
  receipts: readonly Recorded[];
}

/** Runs one trial in a place that others share. */
export async function runTrial({ simulators }: World, place: Place, trial: Trial): Promise<EndedRun> {
  const user = await prepare(simulators, trial);
  return { ...(await runIn(place, trial, user, simulators)), refusals: 0 };
}

/** Runs one trial in a place of its own, where it cannot disturb others. */
export async function runAlone(world: World, trial: Trial): Promise<RecordedRun> {
  const { simulators } = world;
  const user = await prepare(simulators, trial);
  const [shut] = trial.faults.filter(({ fault }) => isClosedConnection(fault));
  const { url, setting } = providerOf(simulators, shut?.call ?? '');
  const proxy = shut && (await openFaultyProxy(url, proxyOf(shut)));
  const place = await world.openPlace(proxy && { [setting]: proxy.url });
  try {
    const ended = await runIn(place, trial, user, simulators);
    await place.stopWorker();
    return await withRecords(place, { ...ended, refusals: proxy?.refused() ?? 0 });
  } finally {
    await place.close();
    await proxy?.close();
  }
}

async function prepare(simulators: Simulators, { faults }: Trial): Promise<MatrixUser> {
  const user = seedUser(simulators, randomUUID());
  for (const fault of faults) {
    if (natureOf(fault.fault) === 'goneBefore') await doBeforehand(simulators, user, fault.call);
    layFault(simulators, user, fault);
  }
  return user;
}

async function runIn(
  place: Place,
  trial: Trial,
  user: MatrixUser,
  simulators: Simulators,
): Promise<Omit<EndedRun, 'refusals'>> {
  const after = {
    plaid: simulators.plaid.calls({ limit: 0 }).total,
    batch: simulators.batch.calls({ limit: 0 }).total,
  };
  return trial.flow === 'sweep'
    ? runSweep(place, trial, { user, after }, simulators)
    : runUser(place, trial, { user, after });
}

/** Adds what the ledger says. To be read when no call is in progress any more: the outcome of a late one is written late. */
export async function withRecords({ ledger }: Place, run: EndedRun): Promise<RecordedRun> {
  const { workflowId, end } = run;
  return { ...run, ...(await recordsOf(ledger, workflowId, end)) };
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

async function runSweep(
  place: Place,
  trial: Trial,
  begun: Begun,
  simulators: Simulators,
): Promise<Omit<EndedRun, 'refusals'>> {
  // Behind a shut door the order of the calls counts, so no other trial uses it.
  const neighbour = trial.faults.some(({ fault }) => isClosedConnection(fault))
    ? undefined
    : seedUser(simulators, randomUUID());
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

/** Plays the person who learns that a key was refused. */
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
