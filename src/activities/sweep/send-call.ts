import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure } from '@temporalio/common';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { keySlotOf } from '../../http/prepare-request';
import type { CallResponse, CallMove } from '../../policy/converge';
import type { HttpTask } from '../../tasks/define';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkRun } from './chunk-run';
import { delayIn, failureOf } from './failure-of';
import type { HoldWatch } from './hold-watch';
import type { Admission, KeySlot } from './key-slot';

/** The end of a call that a machine requested. */
export type CallEnd =
  /** The machine continues with it; sent not before this time, in milliseconds since 1970. */
  | { kind: 'answered'; answer: CallResponse; sentAtMs: number }
  /** It may be tried again, after `delayMs` if the provider gave it. */
  | { kind: 'later'; failure: TaskFailure; delayMs?: number }
  /** A hold forbids it; nothing was sent. */
  | { kind: 'held' }
  /** The chunk has to stop; nothing was sent, or it was a read. */
  | { kind: 'stopped' };

/**
 * Maximum time between taking a call out of the rate and making it, in milliseconds; short enough that no minute has
 * more calls because of it.
 */
const TOKEN_KEPT_MS = 250;

/** Pause between attempts to get a call from an unavailable ledger, in milliseconds. */
const RETRY_MS = 250;

/**
 * Sends one call under the wave's intent: through its key's gate, within the rate, unless the user is on hold, and only
 * while the fence is confirmed.
 *
 * @param record Records what has to be known of the call before it is sent.
 */
export async function sendCall(
  run: ChunkRun,
  task: HttpTask,
  input: CallMove['input'],
  holds: HoldWatch,
  record?: () => Promise<void>,
): Promise<CallEnd> {
  const slot = slotFor(run, task, input);
  run.slots.add(slot);
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
    // Immediately before sending: a process that dies while the call waits for its turn leaves nothing in doubt.
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

/** Returns the gate of the key that the call uses. */
function slotFor({ dependencies: { limits, services } }: ChunkRun, task: HttpTask, input: CallMove['input']): KeySlot {
  const { name } = task.service;
  return limits.keySlot(name, keySlotOf(task, input, services.get(name) ?? { keySlots: [] }));
}

/** Returns the budget from which its calls are taken. */
function budgetOf({ key: { service, slot = '' } }: KeySlot): { service: string; keySlot: string } {
  return { service, keySlot: slot };
}

/**
 * Returns what forbids an admitted call; undefined when it may be sent immediately. After any wait, for a token or the
 * ledger, all checks are repeated, since their results are too old.
 */
async function obstacleTo(
  run: ChunkRun,
  task: HttpTask,
  { slot, admission, holds }: { slot: KeySlot; admission: Admission; holds: HoldWatch },
): Promise<'held' | 'stopped' | undefined> {
  let takenAtMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    // At a low rate, waiting for another token would make the other checks too old again.
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
 * Takes one call out of the rate that all processes share; returns without one only when the chunk has to stop. First
 * keeps the sweep's own rate in force, since it lapses while the ledger is unavailable.
 */
async function takeToken(
  { dependencies: { budgets }, input: { sweepId }, stopped }: ChunkRun,
  slot: KeySlot,
): Promise<void> {
  const key = budgetOf(slot);
  while (!stopped.aborted && !budgets.tryAdmit(key, 'sweep')) {
    try {
      await budgets.keepRatesOf(sweepId);
      if (await slot.backlog.wait(() => budgets.admit(key, 'sweep', stopped))) return;
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Makes one exchange with the provider, and notes whether it shows that the key is accepted or refused. */
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
    // A refusal for another reason shows that the provider knows the key.
    const accepted = failure.type === 'Task.Rejected' || undefined;
    if (accepted) budgets.answered(key, { refused: false });
    return { end: { kind: 'answered', answer: { ok: false, failure }, sentAtMs }, ...(accepted && { accepted }) };
  }
}
