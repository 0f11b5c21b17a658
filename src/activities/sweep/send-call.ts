import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { LedgerUnavailableError } from '../../ledger/ledger';
import { SweepFencedError } from '../../ledger/sweeps/sweep-errors';
import type { CallAnswer, CallMove } from '../../policy/converge';
import { effectOf } from '../../tasks/effect';
import type { HttpTask } from '../../tasks/define';
import { isTaskFailureType } from '../../tasks/failure';
import type { TaskFailure } from '../../tasks/failure';
import type { ChunkRun } from './chunk-run';

/** What became of a call that a machine asked for. */
export type CallEnd =
  /** For the machine to go on with. */
  | { kind: 'answered'; answer: CallAnswer }
  /** Nothing was changed, and it may be tried again; after so long, when the provider said it. */
  | { kind: 'later'; failure: TaskFailure; delayMs?: number }
  /** The chunk is to stop; nothing was sent. */
  | { kind: 'stopped' };

/** Sends one call under the wave's intent: through its key's gate, and only while the fence is known to hold. */
export async function sendCall(run: ChunkRun, task: HttpTask, input: CallMove['input']): Promise<CallEnd> {
  const slot = run.limits.keySlot(task.service.name, slotIn(task, input));
  const admission = await slot.enter(run.triedSlots);
  if (admission === undefined) {
    run.stopUnauthorized(slot.key);
    return { kind: 'stopped' };
  }
  let accepted: boolean | undefined;
  try {
    if (!(await mayBegin(run))) return { kind: 'stopped' };
    const end = await exchange(run, task, input);
    accepted = end.accepted;
    if (accepted === false) run.stopUnauthorized(slot.key);
    return end.end;
  } finally {
    slot.leave(admission, accepted);
  }
}

/** One exchange with the provider, and what it says about the key: accepted, refused, or nothing. */
async function exchange(run: ChunkRun, task: HttpTask, input: CallMove['input']): Promise<{ end: CallEnd; accepted?: boolean }> {
  try {
    const { sendableUntilMs: notSentAfterMs } = run.ledger;
    const { output, requestId, token } = await run.sender.send(task, input, { signal: run.stopped, notSentAfterMs });
    return { end: { kind: 'answered', answer: { ok: true, output, attempt: 1, requestId, token } }, accepted: true };
  } catch (error) {
    if (error instanceof CancelledFailure) return { end: { kind: 'stopped' } };
    const failure = failureOf(error, task, input);
    if (failure.type === 'Task.Unauthorized') return { end: { kind: 'stopped' }, accepted: false };
    // What a provider refuses for another reason comes from somebody whose key it knows.
    return { end: endOf(failure, error), ...(failure.type === 'Task.Rejected' && { accepted: true }) };
  }
}

/** Whether the fence is known to hold; waits until the ledger has said so, if its last word is too old. */
async function mayBegin(run: ChunkRun): Promise<boolean> {
  while (performance.now() > run.ledger.sendableUntilMs && !run.stopped.aborted) {
    try {
      await run.ledger.confirm();
    } catch (error) {
      if (error instanceof SweepFencedError) run.stopFenced();
      else if (!(error instanceof LedgerUnavailableError)) throw error;
      return false;
    }
  }
  return !run.stopped.aborted;
}

function endOf(failure: TaskFailure, error: unknown): CallEnd {
  if (failure.type !== 'Task.RateLimited' && failure.type !== 'Task.Unavailable') {
    return { kind: 'answered', answer: { ok: false, failure } };
  }
  const delayMs: unknown = error instanceof ApplicationFailure ? error.nextRetryDelay : undefined;
  return { kind: 'later', failure, ...(typeof delayMs === 'number' && { delayMs }) };
}

/** The task's own failure; anything unexpected may have happened after the call was sent. */
export function failureOf(error: unknown, task: HttpTask, input: unknown): TaskFailure {
  if (error instanceof ApplicationFailure && isTaskFailureType(error.type)) {
    const detail = error.details?.[0] as Partial<TaskFailure> | undefined;
    return { service: task.service.name, ...detail, type: error.type, message: detail?.message ?? error.message };
  }
  return {
    type: effectOf(task, input) === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.UnexpectedResponse',
    service: task.service.name,
    task: task.name,
    message: `${task.name} failed outside its contract.`,
  };
}

function slotIn(task: HttpTask, input: CallMove['input']): string | undefined {
  const field = Object.entries(task.places).find(([, place]) => place === 'slot')?.[0];
  const slot = field === undefined ? undefined : input[field];
  return typeof slot === 'string' ? slot : undefined;
}
