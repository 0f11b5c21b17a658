import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { TaskAnswer } from '../http/read-answer';
import type { CallOutcome } from '../ledger/ledger';
import { showsState } from '../policy/providers/state-pattern';
import type { StatePattern } from '../policy/providers/state-pattern';
import type { Effect, HttpTask } from '../tasks/define';
import { isTaskFailureType } from '../tasks/failure';
import type { TaskFailure } from '../tasks/failure';

type OutcomeFacts = Pick<CallOutcome, 'outcome' | 'failureType' | 'status' | 'code' | 'requestId' | 'token'>;

/** Returns the receipt's facts about a successful call. */
export function outcomeOfAnswer(
  task: HttpTask,
  effect: Effect,
  { status, requestId, token, output }: TaskAnswer,
): OutcomeFacts {
  return { outcome: effect === 'read' ? 'read' : meaningOf(task, output), status, requestId, token };
}

/** A provider may say with a good status that nothing was there or that the call failed. */
function meaningOf({ answerMeans, unchangedBy }: HttpTask, output: unknown): CallOutcome['outcome'] {
  if (!unchangedBy) return answerMeans;
  const shows = (patterns: readonly unknown[]): boolean => showsState(output, patterns as readonly StatePattern[]);
  if (shows(unchangedBy.absent)) return 'notFound';
  return shows(unchangedBy.failed) ? 'failed' : answerMeans;
}

/**
 * Returns the receipt's facts about a failed call. A cancellation that arrives here came before anything was sent.
 * Unexpected errors count as unknown.
 */
export function outcomeOfFailure(error: unknown): OutcomeFacts {
  if (error instanceof CancelledFailure) return { outcome: 'failed' };
  if (!(error instanceof ApplicationFailure) || !isTaskFailureType(error.type)) return { outcome: 'unknown' };
  const { status, code, requestId, perhapsDone } = (error.details?.[0] ?? {}) as Partial<TaskFailure>;
  const unknown = perhapsDone || error.type === 'Task.OutcomeUnknown' || error.type === 'Task.UnexpectedResponse';
  return { outcome: unknown ? 'unknown' : 'failed', failureType: error.type, status, code, requestId };
}
