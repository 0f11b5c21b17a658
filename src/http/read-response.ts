import type { z } from 'zod';
import { valueAt } from '../policy/providers/path';
import type { HttpTask } from '../tasks/define';
import { isDeeperThan, MAX_DEPTH, parseOwnFields } from '../tasks/parse-input';
import { isDecidedByStatus, parseRetryAfter } from './classify';
import { parseBothWays } from './exact-json';
import type { BothWays } from './exact-json';
import type { ExchangeResult, KeepBody, RequestParts } from './exchange';
import { MASK, safeCode, safeId, SECRET_HEADER } from './redact';
import type { Scrubber } from './redact';
import type { CallProblem } from './to-failure';

/** A task's successful result, without secrets. */
export interface TaskResponse<Output = unknown> {
  /** Validated against the task's schema; unknown fields are kept. */
  output: Output;
  /** The HTTP status. */
  status: number;
  /** The provider's ID of the request, for support requests. */
  requestId?: string;
  /** The token with which a provider such as Batch confirms what it accepted. */
  token?: string;
  keySlot?: string;
  environment: string;
}

type HttpResponse = Extract<ExchangeResult, { kind: 'response' }>;
type Good = Pick<TaskResponse, 'output' | 'status' | 'requestId' | 'token'>;

/** JSON content types by the WHATWG rule (`application/json`, `text/json`, `…+json`), and older names for it. */
const JSON_TYPE =
  /^(?:(?:application|text)\/(?:x-)?json|application\/x-amz-json-[\d.]+|[\w.+-]+\/[\w.-]+\+json)\s*(?:;|$)/i;
/**
 * Maximum size of a result: three quarters of Temporal's payload limit. Temporal refuses larger results and would retry
 * the call forever.
 */
const MOST_RESULT_BYTES = 1_536 * 1024;
/** Maximum JSON bytes per character: a control character is written as `\u0001`. */
const MOST_BYTES_EACH = 6;

/** What a call expects of its response: which statuses are successes, and what the result keeps of the body. */
type Wanted = Pick<RequestParts, 'expectedStatuses' | 'keepBody'>;

/** Reads a complete response. Returns the task's result, or the problem with the response. */
export function readResponse(
  task: HttpTask,
  response: HttpResponse,
  scrubber: Scrubber,
  nowMs: number,
  { expectedStatuses, keepBody = true }: Wanted = {},
): Good | CallProblem {
  const { status } = response;
  if (expectedStatuses?.includes(status) !== true) {
    if (status >= 400) return readError(task, response, scrubber, nowMs);
    if (status >= 300) return { kind: 'unexpected', status, what: 'redirect' };
    if (expectedStatuses) return { kind: 'unexpected', status, what: 'status' };
    const incomplete = incompleteBy(task, status);
    if (incomplete) return { kind: 'unexpected', status, what: incomplete };
  }
  if (response.tooLarge) return { kind: 'unexpected', status, what: 'tooLarge' };
  if (response.undecodable) return { kind: 'unexpected', status, what: 'compressed' };
  const form = task.answerForm?.as ?? 'json';
  const isText = form === 'text' || form === 'base64';
  const isJson = !isText && isJsonResponse(response) && (form !== 'any' || isJsonText(response.body));
  if (!isJson && !isText && !task.generic && form !== 'any' && response.body !== '')
    return { kind: 'unexpected', status, what: 'notJson' };
  // APIs may return 204 without a body, which reads as null; the schema decides whether that is allowed.
  const isNull = response.body === '' && (!isText || status === 204);
  const parsed = isJson ? parseJson(response.body, scrubber) : { value: isNull ? null : scrubber.text(response.body) };
  if ('what' in parsed) {
    // If the end of the connection ends the body, truncated and malformed JSON look the same; truncated is the cautious
    // reading.
    if (parsed.what === 'malformed' && !response.framed) return { kind: 'lost', sent: true, code: 'TRUNCATED' };
    return { kind: 'unexpected', status, what: parsed.what };
  }
  const read = task.generic
    ? check(task, response, { value: genericOutput(response, keptOf(parsed.value, keepBody), scrubber) }, scrubber)
    : check(task, response, parsed, scrubber);
  return 'output' in read && outgrowsResult(response, read.output)
    ? { kind: 'unexpected', status, what: 'tooLarge' }
    : read;
}

/** Why a response of class 2xx does not say that the whole call succeeded; undefined if it does. */
function incompleteBy(task: HttpTask, status: number): 'multiStatus' | 'partial' | undefined {
  if (task.generic) return undefined;
  // Multi-Status: each part has a status of its own, in a form that depends on the provider (RFC 4918, section 13).
  if (status === 207 && task.effect !== 'read' && !task.unchangedBy?.failed.length) return 'multiStatus';
  // Partial Content, the response to a request for a range (RFC 9110, section 15.3.7).
  return status === 206 && task.effect === 'read' && !asksForRange(task) ? 'partial' : undefined;
}

function asksForRange({ places }: HttpTask): boolean {
  return Object.keys(places).some((field) => field.toLowerCase() === 'range');
}

/**
 * Whether a response that was small enough on the wire is too large as a result, because JSON escapes its characters.
 */
function outgrowsResult({ body }: HttpResponse, output: unknown): boolean {
  return (
    body.length * MOST_BYTES_EACH > MOST_RESULT_BYTES && Buffer.byteLength(JSON.stringify(output)) > MOST_RESULT_BYTES
  );
}

/** A parsed body; `rounded` is set if it contains numbers that had to become strings of their digits. */
interface Parsed {
  value: unknown;
  rounded?: unknown;
}

/**
 * Validates a body. A number that became a string still counts as a number, so that it does not pass as a required
 * string. If the schema takes only numbers there, as a host's own task may, the output contains the rounded number.
 */
function checkedOutput(task: HttpTask, { value, rounded }: Parsed): z.ZodSafeParseResult<unknown> {
  const checked = parseOwnFields(task.output, rounded ?? value);
  if (rounded === undefined || !checked.success) return checked;
  const exact = parseOwnFields(task.output, value);
  return exact.success ? exact : checked;
}

function check(task: HttpTask, response: HttpResponse, parsed: Parsed, scrubber: Scrubber): Good | CallProblem {
  const { value } = parsed;
  const { status } = response;
  const { requestId: field } = task.service.errors.fields;
  const requestId = field === undefined ? undefined : safeId(fieldOf(value, field), scrubber);
  const withId = requestId === undefined ? {} : { requestId };
  const checked = checkedOutput(task, parsed);
  // What says that nothing is there need not have the form of what is.
  if (!checked.success && task.absentStatuses?.includes(status)) return { output: value, status, ...withId };
  if (!checked.success) {
    const where = checked.error.issues[0]?.path.map(String).join('.') ?? '';
    // A field name chosen by the provider could be anything; only plain names are repeated.
    const named = /^[A-Za-z0-9_.]{1,80}$/.test(where) ? { where: scrubber.text(where) } : {};
    return { kind: 'unexpected', status, what: 'shape', ...named, ...withId };
  }
  // The token of a read may be a credential; only calls that change something return a confirmation token.
  const isSecret = task.effect === 'read' || task.generic;
  const token = isSecret ? undefined : safeId(fieldOf(value, task.tokenField ?? 'token'), scrubber);
  return { output: checked.data, status, ...withId, ...(token !== undefined && { token }) };
}

function readError(task: HttpTask, response: HttpResponse, scrubber: Scrubber, nowMs: number): CallProblem {
  const { fields } = task.service.errors;
  // Parsed whatever the content type says: the code of an error matters more than its label.
  const parsed =
    response.tooLarge || response.undecodable ? { what: 'malformed' as const } : parseJson(response.body, scrubber);
  // Where the code decides what was done, parsers that disagree about the code disagree about that too.
  if ('what' in parsed && parsed.what === 'repeatedKey' && !isDecidedByStatus(response.status))
    return { kind: 'unexpected', status: response.status, what: parsed.what };
  const value = 'value' in parsed ? parsed.value : undefined;
  const type = fields.type === undefined ? undefined : safeCode(fieldOf(value, fields.type), scrubber);
  const code = safeCode(fieldOf(value, fields.code), scrubber);
  const requestId = fields.requestId === undefined ? undefined : safeId(fieldOf(value, fields.requestId), scrubber);
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], nowMs);
  return {
    kind: 'response',
    status: response.status,
    ...(type !== undefined && { type }),
    ...(code !== undefined && { code }),
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function parseJson(text: string, scrubber: Scrubber): Parsed | { what: 'malformed' | 'tooDeep' | 'repeatedKey' } {
  let read: BothWays;
  try {
    read = parseBothWays(text);
  } catch {
    return { what: 'malformed' };
  }
  const { value, rounded } = read;
  if (isDeeperThan(value, MAX_DEPTH)) return { what: 'tooDeep' };
  if (read.isAmbiguous) return { what: 'repeatedKey' };
  return {
    value: scrubber.parsed(text, value),
    ...(rounded !== undefined && { rounded: scrubber.parsed(text, rounded) }),
  };
}

/** Whether a response counts as JSON. A missing content type is tolerated; the parser then decides. */
function isJsonResponse(response: HttpResponse): boolean {
  const type = headerOf(response, 'content-type');
  return type === undefined ? response.body !== '' : JSON_TYPE.test(type) && response.body !== '';
}

/** Whether a body parses as JSON; a task without a described response may get anything. */
function isJsonText(body: string): boolean {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}

/** Returns a header's text. undici returns repeated headers as a list, whatever Node.js's types say. */
function headerOf({ headers }: HttpResponse, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Returns the value at a name, or at a dotted path such as `error.code`; of a list on the way its first entry. */
function fieldOf(value: unknown, field: string): unknown {
  const own = ownField(value, field);
  if (own !== undefined || !(field.includes('.') || Array.isArray(value))) return own;
  return valueAt(value, field);
}

function ownField(value: unknown, field: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, field)
    ? (value as Record<string, unknown>)[field]
    : undefined;
}

/** Headers that may carry credentials, which must not get into histories. */
const PRIVATE_HEADERS = new Set([
  'set-cookie',
  'set-cookie2',
  'authorization',
  'proxy-authenticate',
  'www-authenticate',
]);

/** Headers that describe the encoding on the wire; the body has been decoded. */
const OF_THE_WIRE = new Set(['content-encoding']);

function genericOutput(response: HttpResponse, body: unknown, scrubber: Scrubber): unknown {
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || PRIVATE_HEADERS.has(name) || OF_THE_WIRE.has(name)) continue;
    headers.push([scrubber.text(name), scrubber.text(Array.isArray(value) ? value.join(', ') : value)]);
  }
  return {
    response: {
      statusCode: response.status,
      reasonPhrase: scrubber.text(response.reason),
      headers: Object.fromEntries(headers),
      ...(body !== undefined && { body }),
    },
  };
}

/** A response as a person may see it: secrets are removed, and headers that usually carry keys are masked. */
export interface SeenResponse {
  status: number;
  reason: string;
  headers: Record<string, string>;
  /** Empty if the response was larger than the task allows. */
  body: string;
}

/** Redacts a response so that it can be shown. */
export function seeResponse(response: Extract<ExchangeResult, { kind: 'response' }>, scrubber: Scrubber): SeenResponse {
  const headers = Object.entries(response.headers).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const text = Array.isArray(value) ? value.join(', ') : value;
    return [[name, SECRET_HEADER.test(name) ? MASK : scrubber.text(text)] as const];
  });
  return {
    status: response.status,
    reason: scrubber.text(response.reason),
    headers: Object.fromEntries(headers),
    body: scrubber.text(response.body),
  };
}

/**
 * Returns the kept part of a parsed body: a copy with only the given paths, or undefined if none of them is present. A
 * string has no paths, so a list keeps nothing of a body that is not JSON.
 */
function keptOf(body: unknown, keep: KeepBody): unknown {
  if (typeof keep === 'boolean') return keep ? body : undefined;
  return pick(body, treeOf(keep));
}

/** The wanted fields by name; `whole` keeps the value as it is. */
interface Tree {
  fields: Map<string, Tree>;
  whole: boolean;
}

function treeOf(paths: readonly string[]): Tree {
  const root: Tree = { fields: new Map(), whole: false };
  for (const path of paths) {
    let place = root;
    for (const name of path.split('.')) {
      const next = place.fields.get(name) ?? { fields: new Map(), whole: false };
      place.fields.set(name, next);
      place = next;
    }
    place.whole = true;
  }
  return root;
}

function pick(value: unknown, tree: Tree): unknown {
  if (tree.whole) return value;
  if (Array.isArray(value)) return value.map((entry) => pick(entry, tree) ?? null);
  if (typeof value !== 'object' || value === null) return undefined;
  const kept = [...tree.fields].flatMap(([name, inner]) => {
    const picked = Object.hasOwn(value, name) ? pick((value as Record<string, unknown>)[name], inner) : undefined;
    return picked === undefined ? [] : [[name, picked] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
