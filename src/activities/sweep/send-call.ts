import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { keySlotOf } from '../../http/prepare-request';
import type { CallAnswer, CallMove } from '../../policy/converge';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkRun } from './chunk-run';
import { delayIn, failureOf } from './failure-of';
import type { HoldWatch } from './hold-watch';
import type { Admission, KeySlot } from './key-slot';

/** What became of a call that a machine asked for. */
export type CallEnd =
  /** For the machine to go on with; sent not before this time, in milliseconds since 1970. */
  | { kind: 'answered'; answer: CallAnswer; sentAtMs: number }
  /** It may be tried again; after so long, when the provider said it. */
  | { kind: 'later'; failure: TaskFailure; delayMs?: number }
  /** A hold forbids it; nothing was sent. */
  | { kind: 'held' }
  /** The chunk is to stop; nothing was sent, or it was a read. */
  | { kind: 'stopped' };

/**
 * A call that was taken out of the rate may be made so much later than others; so little that no minute sees more calls
 * for it.
 */
const TOKEN_KEPT_MS = 250;

/** Between tries to get a call from a ledger that is away. */
const RETRY_MS = 250;

/**
 * Sends one call under the wave's intent: through its key's gate, within the rate, unless the user is held, and only
 * while the fence is known to hold.
 *
 * @param record Writes what has to be known of the call before it is sent.
 */
export async function sendCall(
  run: ChunkRun,
  task: HttpTask,
  input: CallMove['input'],
  holds: HoldWatch,
  record?: () => Promise<void>,
): Promise<CallEnd> {
  const slot = slotFor(run, task, input);
  const entering = slot.enter(run.beganAtMs);
  const admission = typeof entering === 'string' ? entering : await entering;
  if (admission === 'refused') {
    run.stopUnauthorized(slot.key);
    return { kind: 'stopped' };
  }
  let accepted: boolean | undefined;
  try {
    const obstacle = await obstacleTo(run, task, { slot, admission, holds });
    if (obstacle) return { kind: obstacle };
    // The last thing before it is sent: a process that dies while the call waits for its turn leaves nothing in doubt.
    await record?.();
    if (record && run.stopped.aborted) return { kind: 'stopped' };
    const end = await exchange(run, task, input, slot);
    accepted = end.accepted;
    if (accepted === false) run.stopUnauthorized(slot.key);
    return end.end;
  } finally {
    slot.leave(admission, accepted);
  }
}

/** The gate of the key that the call uses. */
function slotFor({ dependencies: { limits, services } }: ChunkRun, task: HttpTask, input: CallMove['input']): KeySlot {
  const { name } = task.service;
  return limits.keySlot(name, keySlotOf(task, input, services.get(name) ?? { keySlots: [] }));
}

/** Under which its calls are taken out of the rate. */
function budgetOf({ key: { service, slot = '' } }: KeySlot): { service: string; keySlot: string } {
  return { service, keySlot: slot };
}

/**
 * What forbids an admitted call; undefined when it may be sent at once. Whatever has to be waited for, a token or the
 * ledger, makes what was found before too old, so all is looked at again.
 */
async function obstacleTo(
  run: ChunkRun,
  task: HttpTask,
  { slot, admission, holds }: { slot: KeySlot; admission: Admission; holds: HoldWatch },
): Promise<'held' | 'stopped' | undefined> {
  let takenAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    // Where a rate is low, waiting for another one would make the rest too old again.
    if (performance.now() > takenAtMs + TOKEN_KEPT_MS) {
      await paceDryRun(run);
      await takeToken(run, slot);
      takenAtMs = performance.now();
    }
    const forbidden = task.effect !== 'read' && !holds.isClear ? await holds.obstacle() : undefined;
    if (forbidden === 'stopped') run.stopStopped();
    if (forbidden !== undefined) return forbidden;
    if (run.stopped.aborted || (admission === 'call' && slot.refuses(run.beganAtMs))) return 'stopped';
    if (performance.now() <= run.ledger.sendableUntilMs) return undefined;
    await run.ledger.confirm();
  }
}

async function paceDryRun({ dependencies: { budgets }, input: { sweepId, plan }, stopped }: ChunkRun): Promise<void> {
  if (plan.dryRunRate !== undefined) await budgets.paceDryRun({ sweepId, callsPerMinute: plan.dryRunRate }, stopped);
}

/**
 * Takes one call out of the rate that all processes share; returns without one only when the chunk is to stop. The sweep's own
 * rate is kept in force first, since it lapses while the ledger is away.
 */
async function takeToken(
  { dependencies: { budgets }, input: { sweepId }, stopped }: ChunkRun,
  slot: KeySlot,
): Promise<void> {
  const key = budgetOf(slot);
  while (!stopped.aborted && !budgets.tryAdmit(key, 'sweep')) {
    try {
      await budgets.keepRatesOf(sweepId);
      if (await budgets.admit(key, 'sweep', stopped)) return;
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** One exchange with the provider, and what it says about the key: accepted, refused, or nothing. */
async function exchange(
  run: ChunkRun,
  task: HttpTask,
  input: CallMove['input'],
  slot: KeySlot,
): Promise<{ end: CallEnd; accepted?: boolean }> {
  const key = budgetOf(slot);
  const { budgets, sender } = run.dependencies;
  const sentAtMs = Date.now();
  try {
    const { sendableUntilMs: notSentAfterMs } = run.ledger;
    const { output, requestId, token } = await sender.send(task, input, { signal: run.stopped, notSentAfterMs });
    budgets.answered(key, { refused: false });
    return {
      end: { kind: 'answered', answer: { ok: true, output, attempt: 1, requestId, token }, sentAtMs },
      accepted: true,
    };
  } catch (error) {
    if (error instanceof CancelledFailure) return { end: { kind: 'stopped' } };
    const failure = failureOf(error, task, input);
    const delayMs = delayIn(error);
    const wait = delayMs === undefined ? {} : { retryAfterMs: delayMs };
    if (failure.type === 'Task.RateLimited') budgets.answered(key, { refused: true, caller: 'sweep', ...wait });
    if (failure.type === 'Task.Unauthorized') return { end: { kind: 'stopped' }, accepted: false };
    if (failure.type === 'Task.RateLimited' || failure.type === 'Task.Unavailable') {
      return { end: { kind: 'later', failure, ...(delayMs !== undefined && { delayMs }) } };
    }
    // What a provider refuses for another reason comes from somebody whose key it knows.
    const accepted = failure.type === 'Task.Rejected' || undefined;
    if (accepted) budgets.answered(key, { refused: false });
    return { end: { kind: 'answered', answer: { ok: false, failure }, sentAtMs }, ...(accepted && { accepted }) };
  }
}
