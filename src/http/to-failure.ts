import { ApplicationFailure } from '@temporalio/common';
import { credentialsOf } from '../tasks/define';
import type { Effect, HttpTask } from '../tasks/define';
import type { TaskFailure, TaskFailureType } from '../tasks/failure';
import type { InvalidInputError } from '../tasks/parse-input';
import { settingsOf } from '../tasks/service';
import type { TokenProblem } from './access-tokens';
import { classifyResponse, describeLoss, describeUnexpected, lostResponseType } from './classify';
import { PROXY_REFUSED, PROXY_UNAUTHORIZED } from './connections';
import type { Unexpected } from './classify';
import { NOT_PUBLIC } from './public-address';

/** The call that failed. */
export interface FailedCall {
  task: Pick<HttpTask, 'name' | 'service' | 'credentials'>;
  effect: Effect;
  /** Name of the key it used, if the service has several. */
  keySlot?: string;
}

/** What went wrong with a prepared call; contains no secrets. */
export type CallProblem =
  /** The provider returned an error status. */
  | { kind: 'response'; status: number; type?: string; code?: string; requestId?: string; retryAfterMs?: number }
  /** The provider returned success or a redirect, but the response is not what the task expects. */
  | { kind: 'unexpected'; status: number; what: Unexpected; where?: string; requestId?: string }
  /** No complete response; `code` is the transport's. */
  | { kind: 'lost'; sent: boolean; code: string };

/**
 * Failure types that Temporal may retry. All others are non-retryable, whatever the caller's retry policy says: a
 * repeated call could do harm or cannot succeed.
 */
const RETRYABLE: ReadonlySet<TaskFailureType> = new Set([
  'Task.RateLimited',
  'Task.Unavailable',
  'Task.LedgerUnavailable',
]);

/** Transport codes for which the same request would fail every time. */
const FINAL_CODES: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', NOT_PUBLIC]);

/**
 * Converts a problem with a call into a Temporal failure. `type` is a `Task.*`, `details` contains one `TaskFailure`,
 * and `nextRetryDelay` is what the provider asked for. Neither message nor details contain a URL, a header, a body, the
 * provider's prose or a cause.
 */
export function toFailure(call: FailedCall, problem: CallProblem): ApplicationFailure {
  switch (problem.kind) {
    case 'response':
      return responseFailure(call, problem);
    case 'unexpected':
      return failure(call.task, 'Task.UnexpectedResponse', describeUnexpected(problem.what, problem.where), {
        status: problem.status,
        ...(problem.requestId !== undefined && { requestId: problem.requestId }),
      });
    case 'lost': {
      const type = problem.sent ? lostResponseType(call.effect) : unsentType(problem.code);
      const perhapsDone = problem.sent && call.effect === 'repeatSafe';
      const facts = { ...(perhapsDone && { perhapsDone }), ...(problem.code === NOT_PUBLIC && { field: 'uri' }) };
      return failure(call.task, type, describeLoss(problem.code, problem.sent, call.effect), facts);
    }
  }
}

/**
 * Returns the failure type of a call that was not sent. A request that the transport refuses to send, or to that
 * address, would fail every time. A proxy that refuses it needs a person, as a service that refuses keys does.
 */
function unsentType(code: string): TaskFailureType {
  if (code === PROXY_REFUSED || code === PROXY_UNAUTHORIZED) return 'Task.Unauthorized';
  return FINAL_CODES.has(code) ? 'Task.InvalidInput' : 'Task.Unavailable';
}

function responseFailure(call: FailedCall, response: Extract<CallProblem, { kind: 'response' }>): ApplicationFailure {
  const { type, advice } = classifyResponse(response, call.effect, call.task.service.errors);
  const words = [
    sentenceFor(type, call, response),
    advice ?? (type === 'Task.Unauthorized' ? settingsToCheck(call.task) : ''),
  ];
  const { status, code, requestId, retryAfterMs } = response;
  // The same response to an irreversible call would leave its outcome unknown, so this call may have been processed
  // too.
  const perhapsDone =
    call.effect === 'repeatSafe' &&
    classifyResponse(response, 'irreversible', call.task.service.errors).type === 'Task.OutcomeUnknown';
  const facts = {
    status,
    ...(code !== undefined && { code }),
    ...(requestId !== undefined && { requestId }),
    ...(perhapsDone && { perhapsDone }),
  };
  const waits = type === 'Task.RateLimited' || type === 'Task.Unavailable';
  return failure(call.task, type, words.join(' ').trimEnd(), facts, waits ? retryAfterMs : undefined);
}

function sentenceFor(
  type: TaskFailureType,
  call: FailedCall,
  response: { status: number; type?: string; code?: string },
): string {
  const responded = [String(response.status), response.type, response.code]
    .filter((word) => word !== undefined)
    .join(' ');
  const slot = call.keySlot === undefined ? '' : ` (key ${call.task.service.name}.${call.keySlot})`;
  switch (type) {
    case 'Task.Unauthorized':
      return `it rejected the keys${slot} with ${responded}.`;
    case 'Task.RateLimited':
      return `it asks to slow down${slot} (${responded}).`;
    case 'Task.Unavailable':
      return `it is unavailable at the moment (${responded}).`;
    case 'Task.OutcomeUnknown':
      return `it responded with ${responded} and may have processed the call. Check before you send it again.`;
    case 'Task.UnexpectedResponse':
      return `it responded with ${responded}.`;
    case 'Task.InvalidInput':
    case 'Task.Held':
    case 'Task.NotAllowed':
    case 'Task.LedgerUnavailable':
    case 'Task.Rejected':
      return `it rejected the call with ${responded}.`;
  }
}

/** Names the settings to check after a 401 for which the service has no rule. */
function settingsToCheck(task: FailedCall['task']): string {
  const settings = credentialsOf(task).flatMap(settingsOf).join(', ');
  return settings === '' ? '' : `Check ${settings}.`;
}

/** The input was refused before anything was sent; non-retryable. Names every wrong field and repeats no value. */
export function invalidInput(task: FailedCall['task'], error: InvalidInputError): ApplicationFailure {
  return bareFailure(task, 'Task.InvalidInput', error.message, error.field === '' ? {} : { field: error.field });
}

/** A legal hold forbids the call; nothing was sent; non-retryable. */
export function held(task: FailedCall['task']): ApplicationFailure {
  return bareFailure(task, 'Task.Held', `A legal hold forbids ${task.name} for this user. Nothing was sent.`, {});
}

/** The operator's policy forbids the call; nothing was sent; non-retryable. */
export function notAllowed(
  task: FailedCall['task'],
  { rule, message: what }: { rule: string; message: string },
): ApplicationFailure {
  const message = `The operator's policy forbids ${task.name} (rule ${rule}): ${what}. Nothing was sent.`;
  return bareFailure(task, 'Task.NotAllowed', message, { rule });
}

/** The intent cannot be recorded; nothing was sent; retryable. */
export function ledgerUnavailable(task: FailedCall['task']): ApplicationFailure {
  const message = `The ledger cannot be reached, so ${task.name} was not sent. It will be retried.`;
  return bareFailure(task, 'Task.LedgerUnavailable', message, {});
}

/**
 * All calls that change something are stopped (`http-tasks stop`); nothing was sent; retried until they are started
 * again.
 */
export function stopped(task: FailedCall['task']): ApplicationFailure {
  const message = `All calls that change something are stopped, so ${task.name} was not sent. It is retried until http-tasks start allows it.`;
  return bareFailure(task, 'Task.Unavailable', message, {}, STOPPED_RETRY_MS);
}

/** The rate limit of this key is used up for longer than the attempt can wait; nothing was sent; retryable. */
export function noCallLeft(task: FailedCall['task']): ApplicationFailure {
  const message = `The rate limit of this key at ${task.service.title} is used up for now, so ${task.name} was not sent. It will be retried.`;
  return bareFailure(task, 'Task.RateLimited', message, {});
}

/** An earlier attempt may have been sent and its outcome is unknown; this attempt sent nothing; non-retryable. */
export function outcomeUnknown(task: FailedCall['task']): ApplicationFailure {
  const message = `An earlier attempt of ${task.name} may have reached ${task.service.title}, and its outcome was not recorded. Nothing was sent this time. Check before you send it again.`;
  return bareFailure(task, 'Task.OutcomeUnknown', message, {});
}

/**
 * The provider responded, but the outcome cannot be recorded. Non-retryable for irreversible calls, which have to be
 * reconciled by reading; otherwise retryable.
 */
export function outcomeNotRecorded(task: FailedCall['task'], effect: Effect): ApplicationFailure {
  const what = `${task.service.title} responded to ${task.name}, but the ledger cannot be reached to record it.`;
  return effect === 'irreversible'
    ? bareFailure(task, 'Task.OutcomeUnknown', `${what} Check before you send it again.`, {})
    : bareFailure(task, 'Task.LedgerUnavailable', `${what} It will be retried, which is safe.`, {});
}

/** Returns the same failure of an idempotent call, marked as possibly processed by an earlier attempt. */
export function possiblyDoneBefore(error: ApplicationFailure): ApplicationFailure {
  const [details] = error.details ?? [];
  const { type, message, nonRetryable } = error;
  const delayMs: unknown = error.nextRetryDelay;
  return ApplicationFailure.create({
    ...(type !== undefined && type !== null && { type }),
    message,
    nonRetryable: nonRetryable ?? false,
    details: [{ ...(details as TaskFailure), perhapsDone: true }],
    ...(typeof delayMs === 'number' && { nextRetryDelay: delayMs }),
  });
}

/** The service has no keys here; nothing was sent; non-retryable. */
export function notConfigured(task: FailedCall['task'], message: string): ApplicationFailure {
  return bareFailure(task, 'Task.Unauthorized', `${message} Nothing was sent.`, {});
}

/**
 * There is no access token for the call; nothing was sent. Non-retryable if the client was refused or misconfigured,
 * otherwise retryable. It has no status, because the service itself did not respond.
 */
export function withoutToken(
  { task, keySlot }: Omit<FailedCall, 'effect'>,
  problem: TokenProblem,
  settings: readonly string[],
): ApplicationFailure {
  const { retryable, what, code, retryAfterMs } = problem;
  const slot = keySlot === undefined ? '' : ` (key ${task.service.name}.${keySlot})`;
  const advice = retryable ? '' : ` Check ${settings.join(', ')}.`;
  const message = `${task.service.title}, ${task.name}: the token endpoint${slot} ${what}${advice} Nothing was sent to the service.`;
  return bareFailure(
    task,
    retryable ? 'Task.Unavailable' : 'Task.Unauthorized',
    message,
    code === undefined ? {} : { code },
    retryAfterMs,
  );
}

/** Delay, in milliseconds, before a stopped call is tried again. */
const STOPPED_RETRY_MS = 5_000;

type Facts = Pick<TaskFailure, 'status' | 'code' | 'requestId' | 'field' | 'rule' | 'perhapsDone'>;

function failure(
  task: FailedCall['task'],
  type: TaskFailureType,
  what: string,
  facts: Facts,
  nextRetryDelay?: number,
): ApplicationFailure {
  const quote = facts.requestId === undefined ? '' : ` Quote the request ID ${facts.requestId} to its support.`;
  return bareFailure(task, type, `${task.service.title}, ${task.name}: ${what}${quote}`, facts, nextRetryDelay);
}

function bareFailure(
  task: FailedCall['task'],
  type: TaskFailureType,
  message: string,
  facts: Facts,
  nextRetryDelay?: number,
): ApplicationFailure {
  const details: TaskFailure = { type, service: task.service.name, task: task.name, ...facts, message };
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !RETRYABLE.has(type),
    details: [details],
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
  });
}
