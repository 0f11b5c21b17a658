import type { HttpTask } from '../tasks/define';
import { parseBothWays } from './exact-json';
import type { z } from 'zod';
import { isDeeperThan, MAX_DEPTH } from '../tasks/nesting';
import type { ExchangeResult } from './exchange';
import { keptOf } from './keep-body';
import type { RequestParts } from './prepared-request';
import { safeCode, safeId } from './redact';
import type { Scrubber } from './redact';
import { parseRetryAfter } from './retry-after';
import type { CallProblem } from './to-failure';

/** What a task answered, free of secrets. */
export interface TaskAnswer<Output = unknown> {
  /** Checked against the task's schema; fields that it does not know are kept. */
  output: Output;
  /** The HTTP status. */
  status: number;
  /** The provider's id of the request, to quote to its support. */
  requestId?: string;
  /** The token with which a provider confirms what it accepted, for example Batch. */
  token?: string;
  keySlot?: string;
  environment: string;
}

type Answer = Extract<ExchangeResult, { kind: 'answer' }>;
type Good = Pick<TaskAnswer, 'output' | 'status' | 'requestId' | 'token'>;

/** JSON by the WHATWG's rule (`application/json`, `text/json`, `…+json`), and by the names that were used before there was one. */
const JSON_TYPE =
  /^(?:(?:application|text)\/(?:x-)?json|application\/x-amz-json-[\d.]+|[\w.+-]+\/[\w.-]+\+json)\s*(?:;|$)/i;
/** Three quarters of what Temporal takes as one payload: a result that it refuses would have its call made again for ever. */
const MOST_RESULT_BYTES = 1_536 * 1024;
/** The bytes of one character in JSON, at most: a control character is written as `\u0001`. */
const MOST_BYTES_EACH = 6;

/** What a call wants of its answer: which statuses are good, and no others, and what the result keeps of the body. */
type Wanted = Pick<RequestParts, 'expectedStatuses' | 'keepBody'>;

/** Reads a whole answer: either what the task promises, or the problem with it. */
export function readAnswer(
  task: HttpTask,
  answer: Answer,
  scrubber: Scrubber,
  nowMs: number,
  { expectedStatuses, keepBody = true }: Wanted = {},
): Good | CallProblem {
  const { status } = answer;
  if (expectedStatuses?.includes(status) !== true) {
    if (status >= 400) return readError(task, answer, scrubber, nowMs);
    if (status >= 300) return { kind: 'unexpected', status, what: 'redirect' };
    if (expectedStatuses) return { kind: 'unexpected', status, what: 'status' };
  }
  if (answer.tooLarge) return { kind: 'unexpected', status, what: 'tooLarge' };
  if (answer.undecodable) return { kind: 'unexpected', status, what: 'compressed' };
  const form = task.answerForm?.as ?? 'json';
  const isText = form === 'text' || form === 'base64';
  const isJson = !isText && isJsonAnswer(answer) && (form !== 'any' || isJsonText(answer.body));
  if (!isJson && !isText && !task.generic && form !== 'any' && answer.body !== '')
    return { kind: 'unexpected', status, what: 'notJson' };
  // An API of one's own may answer 204: no body reads as null, and the schema says whether that is fine.
  const isNull = answer.body === '' && (!isText || status === 204);
  const parsed = isJson ? parseJson(answer.body, scrubber) : { value: isNull ? null : scrubber.text(answer.body) };
  if ('what' in parsed) {
    // Cut off or malformed cannot be told apart when the connection's end is the body's end; lost is the careful reading.
    if (parsed.what === 'malformed' && !answer.framed) return { kind: 'lost', sent: true, code: 'TRUNCATED' };
    return { kind: 'unexpected', status, what: parsed.what };
  }
  const read = task.generic
    ? check(task, answer, { value: genericOutput(answer, keptOf(parsed.value, keepBody), scrubber) }, scrubber)
    : check(task, answer, parsed, scrubber);
  return 'output' in read && outgrowsResult(answer, read.output)
    ? { kind: 'unexpected', status, what: 'tooLarge' }
    : read;
}

/** Whether an answer that was small enough on the wire is too large as a result, because of what JSON has to escape. */
function outgrowsResult({ body }: Answer, output: unknown): boolean {
  return (
    body.length * MOST_BYTES_EACH > MOST_RESULT_BYTES && Buffer.byteLength(JSON.stringify(output)) > MOST_RESULT_BYTES
  );
}

/** What was read; `rounded` beside it, when numbers in it had to become the text of their digits. */
interface Parsed {
  value: unknown;
  rounded?: unknown;
}

/**
 * A number that became the text of its digits counts as a number for the schema: a text that was asked for is still missing. A
 * schema that takes numbers only, as a task of a host may have, gets it rounded, as JavaScript reads it.
 */
function checkedOutput(task: HttpTask, { value, rounded }: Parsed): z.ZodSafeParseResult<unknown> {
  const checked = task.output.safeParse(rounded ?? value, { reportInput: false });
  if (rounded === undefined || !checked.success) return checked;
  const exact = task.output.safeParse(value, { reportInput: false });
  return exact.success ? exact : checked;
}

function check(task: HttpTask, answer: Answer, parsed: Parsed, scrubber: Scrubber): Good | CallProblem {
  const { value } = parsed;
  const { status } = answer;
  const { requestId: field } = task.service.errors.fields;
  const requestId = field === undefined ? undefined : safeId(fieldOf(value, field), scrubber);
  const withId = requestId === undefined ? {} : { requestId };
  const checked = checkedOutput(task, parsed);
  if (!checked.success) {
    const where = checked.error.issues[0]?.path.map(String).join('.') ?? '';
    // A name that a provider chose could be anything; only plain ones are repeated.
    const named = /^[A-Za-z0-9_.]{1,80}$/.test(where) ? { where: scrubber.text(where) } : {};
    return { kind: 'unexpected', status, what: 'shape', ...named, ...withId };
  }
  // A read may well answer a token that opens doors; only a call that does something confirms with one.
  const token = task.effect === 'read' || task.generic ? undefined : safeId(fieldOf(value, 'token'), scrubber);
  return { output: checked.data, status, ...withId, ...(token !== undefined && { token }) };
}

function readError(task: HttpTask, answer: Answer, scrubber: Scrubber, nowMs: number): CallProblem {
  const { fields } = task.service.errors;
  // Whatever the content type says: an error's code is worth more than its label.
  const parsed =
    answer.tooLarge || answer.undecodable ? { what: 'malformed' as const } : parseJson(answer.body, scrubber);
  const value = 'value' in parsed ? parsed.value : undefined;
  const type = fields.type === undefined ? undefined : safeCode(fieldOf(value, fields.type), scrubber);
  const code = safeCode(fieldOf(value, fields.code), scrubber);
  const requestId = fields.requestId === undefined ? undefined : safeId(fieldOf(value, fields.requestId), scrubber);
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], nowMs);
  return {
    kind: 'answer',
    status: answer.status,
    ...(type !== undefined && { type }),
    ...(code !== undefined && { code }),
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function parseJson(text: string, scrubber: Scrubber): Parsed | { what: 'malformed' | 'tooDeep' } {
  let read: Parsed;
  try {
    read = parseBothWays(text);
  } catch {
    return { what: 'malformed' };
  }
  const { value, rounded } = read;
  if (isDeeperThan(value, MAX_DEPTH)) return { what: 'tooDeep' };
  return {
    value: scrubber.parsed(text, value),
    ...(rounded !== undefined && { rounded: scrubber.parsed(text, rounded) }),
  };
}

/** A missing content type is tolerated; the parser then decides. */
function isJsonAnswer(answer: Answer): boolean {
  const type = headerOf(answer, 'content-type');
  return type === undefined ? answer.body !== '' : JSON_TYPE.test(type) && answer.body !== '';
}

/** Whether an undescribed response is JSON, as its content type says. */
function isJsonText(body: string): boolean {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}

/** A header's text. One that comes several times is a list for undici, whatever Node's types say of it. */
function headerOf({ headers }: Answer, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The value at a name, or at a dotted path such as `error.code`. */
function fieldOf(value: unknown, field: string): unknown {
  const own = ownField(value, field);
  if (own !== undefined || !field.includes('.')) return own;
  return field.split('.').reduce<unknown>((inner, name) => ownField(inner, name), value);
}

function ownField(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, field)
    ? (value as Record<string, unknown>)[field]
    : undefined;
}

/** Session cookies open doors, so they stay out of histories. */
const PRIVATE_HEADERS = new Set([
  'set-cookie',
  'set-cookie2',
  'authorization',
  'proxy-authenticate',
  'www-authenticate',
]);

/** They speak of the bytes on the wire, and the body is unpacked. */
const OF_THE_WIRE = new Set(['content-encoding']);

function genericOutput(answer: Answer, body: unknown, scrubber: Scrubber): unknown {
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value === undefined || PRIVATE_HEADERS.has(name) || OF_THE_WIRE.has(name)) continue;
    headers.push([scrubber.text(name), scrubber.text(Array.isArray(value) ? value.join(', ') : value)]);
  }
  return {
    response: {
      statusCode: answer.status,
      reasonPhrase: scrubber.text(answer.reason),
      headers: Object.fromEntries(headers),
      ...(body !== undefined && { body }),
    },
  };
}
