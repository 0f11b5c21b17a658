import type { Effect } from '../tasks/define';
import type { TaskFailureType } from '../tasks/failure';
import type { ErrorRule, ErrorTaxonomy } from '../tasks/service';
import {
  PROXY_AWAY,
  PROXY_REFUSED,
  PROXY_UNAUTHORIZED,
  PROXY_UNREACHABLE,
  PROXY_UNTRUSTED,
  TLS_CODE,
  UNKNOWN_HERE,
} from './connections';
import { NOT_HTTP, TOO_LATE_TO_SEND, TOTAL_TIMEOUT } from './exchange';
import { NOT_PUBLIC } from './public-address';

/** What an error response says: its status, and the provider's type and code. */
export interface ErrorResponse {
  status: number;
  type?: string;
  code?: string;
}

/** The failure type of an error response, and advice for the person who reads it. */
export interface Classified {
  type: TaskFailureType;
  advice?: string;
}

/** Returns the failure for an error response: by the service's own rules first, then by status. */
export function classifyResponse(response: ErrorResponse, effect: Effect, errors: ErrorTaxonomy): Classified {
  const rule = errors.rules.find((candidate) => matches(candidate, response));
  if (!rule) return { type: typeByStatus(response.status, effect) };
  const type = rule.mayHaveProcessed && effect === 'irreversible' ? 'Task.OutcomeUnknown' : rule.failure;
  return { type, ...(rule.advice !== undefined && { advice: rule.advice }) };
}

/** Returns the failure for a request that may have been processed but has no known outcome. */
export function lostResponseType(effect: Effect): 'Task.OutcomeUnknown' | 'Task.Unavailable' {
  return effect === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.Unavailable';
}

function matches(rule: ErrorRule, response: ErrorResponse): boolean {
  return (
    (rule.status === undefined || rule.status === response.status) &&
    (rule.type === undefined || rule.type === response.type) &&
    (rule.code === undefined || rule.code === response.code)
  );
}

/** Whether a status says what happened even if the body of the response cannot be read. */
export function isDecidedByStatus(status: number): boolean {
  return typeByStatus(status, 'read') !== 'Task.Rejected';
}

/** Classifies responses that no rule matches, for example from a proxy in front of the provider. */
function typeByStatus(status: number, effect: Effect): TaskFailureType {
  if (status === 401) return 'Task.Unauthorized';
  if (status === 429) return 'Task.RateLimited';
  // Includes 503: only the provider's own maintenance code proves that nothing was done. 408 may come from a proxy in
  // between.
  if (status >= 500 || status === 408) return lostResponseType(effect);
  if (status >= 400) return 'Task.Rejected';
  return 'Task.UnexpectedResponse';
}

/** What is wrong with a response. */
export type Unexpected =
  | 'redirect'
  | 'status'
  | 'multiStatus'
  | 'partial'
  | 'tooLarge'
  | 'compressed'
  | 'notJson'
  | 'malformed'
  | 'tooDeep'
  | 'repeatedKey'
  | 'shape'
  | 'unreadable';

const UNEXPECTED: Record<Unexpected, string> = {
  redirect:
    'it responded with a redirect, which is not followed: keys are only sent to the service itself. Check the base URL.',
  status: 'the status of its response is not in expectedStatuses.',
  multiStatus:
    'it responded with 207: some parts of the call may have failed, and the task does not name them (`failed` in the step of a provider file).',
  partial: 'it responded with a part of what was asked for (206).',
  tooLarge: 'its response is larger than the task allows.',
  compressed:
    'its response has an unsupported content encoding or a corrupt compressed body; supported: gzip, deflate, br.',
  notJson: 'its response is not JSON. Check the base URL: a proxy or another server may have responded.',
  malformed: 'its response is not well-formed JSON.',
  tooDeep: 'its response is nested too deeply.',
  repeatedKey: 'its response has the same key twice in one object, with different values.',
  unreadable: 'its response cannot be read.',
  shape: "its response does not match the task's output schema.",
};

/** Describes an invalid response; `where` is the field at fault. */
export function describeUnexpected(what: Unexpected, where?: string): string {
  return UNEXPECTED[what] + (where === undefined ? '' : ` The field at fault is ${where}.`);
}

const CAUSES: Record<string, string> = {
  [TOTAL_TIMEOUT]: 'the call exceeded its total timeout',
  [TOO_LATE_TO_SEND]: 'the call could not be sent soon enough after its intent was recorded',
  [NOT_HTTP]: 'the response is not HTTP, or was truncated',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'the response did not begin in time',
  UND_ERR_BODY_TIMEOUT: 'the response stalled before its end',
  UND_ERR_SOCKET: 'the connection was closed before the response was complete',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection was closed before the response was complete',
  UND_ERR_HEADERS_OVERFLOW: 'the response headers are too large',
  UND_ERR_DESTROYED: 'this process is shutting down',
  UND_ERR_CLOSED: 'this process is shutting down',
  UND_ERR_INVALID_ARG: 'the input does not give a valid HTTP request',
  UND_ERR_NOT_SUPPORTED: 'the input does not give a valid HTTP request',
  TRUNCATED: 'the response was truncated',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  ENOTFOUND: 'the host name was not found',
  EAI_AGAIN: 'the host name could not be resolved',
  [NOT_PUBLIC]:
    'the host name resolves to an address that is not public. The operator can allow the origin with HTTP_TASKS_HTTP_ALLOW_PRIVATE',
  [PROXY_UNREACHABLE]: 'the proxy cannot be reached, or did not respond in time',
  [PROXY_UNTRUSTED]: 'the TLS certificate or handshake of the proxy was not accepted',
  [PROXY_AWAY]: 'the proxy cannot open a connection at the moment',
  [PROXY_REFUSED]:
    'the proxy refused to open a connection. Check HTTP_TASKS_PROXY, and whether the proxy allows connections to this host',
  [PROXY_UNAUTHORIZED]: 'the proxy rejected the user and password. Check HTTP_TASKS_PROXY',
  [UNKNOWN_HERE]:
    'the host name cannot be resolved here to check that its addresses are public. HTTP_TASKS_PROXY_LOOKUP=proxy leaves that check to the proxy',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
};

/** Describes a call without a response. */
export function describeLoss(code: string, sent: boolean, effect: Effect): string {
  const cause = `${describeTransport(code)}.`;
  if (!sent) return `${cause} Nothing was sent.`;
  return effect === 'irreversible'
    ? `${cause} The call was sent and may have been processed. Check before you send it again.`
    : `${cause} The call was sent; it is safe to repeat.`;
}

/** Describes a transport error code, as a clause without a full stop. */
export function describeTransport(code: string): string {
  return CAUSES[code] ?? otherCause(code);
}

function otherCause(code: string): string {
  if (TLS_CODE.test(code)) return `the TLS certificate or handshake was not accepted (${code})`;
  return 'the connection failed';
}

/** Shortest delay, in milliseconds, taken from a Retry-After: 0 or a date in the past must not cause a busy loop. */
export const MIN_RETRY_AFTER_MS = 1_000;
/** Longest delay, in milliseconds, taken from a Retry-After. Longer delays are shortened to this. */
export const MAX_RETRY_AFTER_MS = 600_000;

const SECONDS = /^\d+(\.\d+)?$/;
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d{2}:\\d{2}:\\d{2}';
/** The date forms of RFC 9110 that name their zone. `Date.parse` alone would also read a date into "soon 1". */
const HTTP_DATES = [
  new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT$`),
];
const ASCTIME = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`);

/**
 * Returns how many milliseconds a `Retry-After` header asks to wait, between one second and ten minutes. Reads seconds
 * (fractions are tolerated) and HTTP dates. Returns undefined, so that the usual backoff applies, if the header is
 * missing or is neither, for example negative.
 */
export function parseRetryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined || text === '') return undefined;
  if (SECONDS.test(text)) return clamp(Math.ceil(Number(text) * 1_000));
  const at = parseHttpDate(text);
  return at === undefined ? undefined : clamp(at - nowMs);
}

function parseHttpDate(text: string): number | undefined {
  const zoned = HTTP_DATES.some((form) => form.test(text)) ? text : ASCTIME.test(text) ? `${text} GMT` : undefined;
  const at = zoned === undefined ? Number.NaN : Date.parse(zoned);
  return Number.isNaN(at) ? undefined : at;
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS);
}
