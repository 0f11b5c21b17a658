import { CancelledFailure } from '@temporalio/common';
import type { BulkUser } from '../../ledger/sweeps/sweep-types';
import { batch } from '../../tasks/catalogue';
import type { TaskFailure } from '../../tasks/failure';
import { batchIdOf } from './bulk-parts';
import { delayIn, failureOf } from './failure-of';
import type { SweepDependencies } from './sweep-dependencies';

const task = batch.customDataBulkDelete;

/** Batch's codes for a parameter that is missing or malformed, and for a body that it cannot read. */
const MALFORMED_CODES = new Set(['30', '31', '32']);

/** What became of a bulk call. */
export type BulkAnswer =
  | { kind: 'accepted'; status: number; token?: string; requestId?: string }
  /** One of the ids, or the size of all of them, had the whole call refused: nothing was deleted. */
  | { kind: 'malformed'; failure: TaskFailure }
  /** Refused for another reason. */
  | { kind: 'rejected'; failure: TaskFailure }
  /** Answered, and nobody can tell with what. */
  | { kind: 'unclear'; failure: TaskFailure }
  /** It may be tried again; after so long, when Batch said it. */
  | { kind: 'later'; failure: TaskFailure; delayMs?: number }
  | { kind: 'keyRefused'; failure: TaskFailure }
  /** It was told to stop before anything was sent. */
  | { kind: 'stopped' };

/** Whether the ids can be sent at all, without sending anything: what the task's own schema refuses, or no key. */
export function checkBulkCall(
  { sender }: Pick<SweepDependencies, 'sender'>,
  app: string,
  users: readonly BulkUser[],
): BulkAnswer | undefined {
  const input = inputFor(app, users);
  try {
    sender.prepare(task, input);
    return undefined;
  } catch (error) {
    return answerOf(error, input);
  }
}

/**
 * Has Batch delete the custom data of these users in one call; repeating it does no harm.
 *
 * @param send.notSentAfterMs By `performance.now()`: until then what the ledger said holds.
 */
export async function sendBulkCall(
  { sender, budgets }: Pick<SweepDependencies, 'sender' | 'budgets'>,
  app: string,
  users: readonly BulkUser[],
  send: { signal: AbortSignal; notSentAfterMs: number },
): Promise<BulkAnswer> {
  const key = { service: task.service.name, keySlot: app };
  const input = inputFor(app, users);
  try {
    const { status, token, requestId } = await sender.send(task, input, send);
    budgets.answered(key, { refused: false });
    return { kind: 'accepted', status, token, requestId };
  } catch (error) {
    const answer = answerOf(error, input);
    if (answer.kind === 'malformed' || answer.kind === 'rejected') budgets.answered(key, { refused: false });
    if (answer.kind === 'later' && answer.failure.type === 'Task.RateLimited') {
      const { delayMs } = answer;
      budgets.answered(key, {
        refused: true,
        caller: 'sweep',
        ...(delayMs !== undefined && { retryAfterMs: delayMs }),
      });
    }
    return answer;
  }
}

/** Two users may share one id at Batch, which need not be sent twice. */
function inputFor(app: string, users: readonly BulkUser[]): { ids: string[]; app: string } {
  return { ids: [...new Set(users.map(batchIdOf))], app };
}

function answerOf(error: unknown, input: unknown): BulkAnswer {
  if (error instanceof CancelledFailure) return { kind: 'stopped' };
  const failure = failureOf(error, task, input);
  switch (failure.type) {
    case 'Task.RateLimited':
    case 'Task.Unavailable': {
      const delayMs = delayIn(error);
      return { kind: 'later', failure, ...(delayMs !== undefined && { delayMs }) };
    }
    case 'Task.Unauthorized':
      return { kind: 'keyRefused', failure };
    case 'Task.InvalidInput':
      return { kind: 'malformed', failure };
    case 'Task.Rejected': {
      const { code = '', status } = failure;
      // 413: the body is too large for somebody on the way.
      return { kind: MALFORMED_CODES.has(code) || status === 413 ? 'malformed' : 'rejected', failure };
    }
    case 'Task.UnexpectedResponse':
    case 'Task.OutcomeUnknown':
    case 'Task.LedgerUnavailable':
    case 'Task.Held':
      return { kind: 'unclear', failure };
  }
}
