import type { ServiceSettings } from '../config/service-settings';
import type { FieldPlace, HttpTask } from '../tasks/define';
import { InvalidInputError } from '../tasks/parse-input';
import type { RequestParts } from './prepared-request';
import { encodeSegment } from './route';
import { USER_AGENT } from './user-agent';

type Fields = Readonly<Record<string, unknown>>;

/** Answers what stands in the request for a credential: its value, or a mask. */
export type Reveal = (value: string) => string;

/** What of a request is still being put together. */
interface Draft {
  path: string;
  query: string[];
  headers: Record<string, string>;
  body: Record<string, unknown>;
  wholeBody?: unknown;
}

const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Puts every field of a valid input, and every credential, where the definition says.
 *
 * @throws InvalidInputError when a value cannot stand where it belongs.
 */
export function placeFields(
  task: HttpTask,
  input: Fields,
  service: ServiceSettings,
  keySlot: string | undefined,
  reveal: Reveal,
): RequestParts {
  const draft: Draft = { path: task.path, query: [], headers: baseHeaders(task), body: {} };
  for (const [field, value] of Object.entries(input)) {
    if (value !== undefined) placeField(task, draft, field, value);
  }
  for (const { rule, value } of service.credentialsFor(keySlot)) {
    const inBody = rule.bodyName !== undefined && service.credentialsIn === 'body' && hasObjectBody(task, draft);
    placeCredential(draft, inBody ? 'body' : rule.in, inBody ? rule.bodyName : rule.name, reveal(value));
  }
  const body = bodyOf(task, draft);
  if (body !== undefined) draft.headers['content-type'] = 'application/json';
  return {
    method: task.method,
    origin: service.baseUrl.origin,
    path: service.baseUrl.path + draft.path + (draft.query.length > 0 ? `?${draft.query.join('&')}` : ''),
    headers: draft.headers,
    ...(body !== undefined && { body }),
  };
}

function baseHeaders(task: HttpTask): Record<string, string> {
  return {
    'user-agent': USER_AGENT,
    accept: 'application/json',
    'accept-encoding': 'identity',
    ...task.service.headers,
  };
}

function placeField(task: HttpTask, draft: Draft, field: string, value: unknown): void {
  const place: FieldPlace = task.places[field] ?? (takesBody(task) ? 'body' : 'query');
  switch (place) {
    case 'path':
      draft.path = fillPlaceholder(draft.path, field, encodeSegment(task.name, field, textOf(value)));
      return;
    case 'query':
      draft.query.push(...(Array.isArray(value) ? value : [value]).map((one) => queryPair(task.name, field, textOf(one))));
      return;
    case 'header':
      if (!HEADER_VALUE.test(textOf(value))) {
        throw new InvalidInputError(task.name, [{ field, message: 'must not hold line breaks or characters outside Latin-1' }]);
      }
      draft.headers[field] = textOf(value);
      return;
    case 'body':
      draft.body[field] = value;
      return;
    case 'wholeBody':
      draft.wholeBody = value;
      return;
    case 'slot':
      return;
  }
}

function placeCredential(draft: Draft, place: 'header' | 'query' | 'path' | 'body', name: string | undefined, value: string): void {
  if (name === undefined) return;
  switch (place) {
    case 'header':
      draft.headers[name] = value;
      return;
    case 'query':
      draft.query.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
      return;
    case 'path':
      draft.path = fillPlaceholder(draft.path, name, encodeURIComponent(value));
      return;
    case 'body':
      draft.body[name] = value;
      return;
  }
}

/** A function as replacement: as text, `$&` in a value would have a meaning. */
function fillPlaceholder(path: string, name: string, encoded: string): string {
  return path.replace(`{${name}}`, () => encoded);
}

function queryPair(what: string, field: string, text: string): string {
  if (/\p{Surrogate}/u.test(text)) {
    throw new InvalidInputError(what, [{ field, message: 'must be well-formed Unicode; it holds half of a surrogate pair' }]);
  }
  return `${encodeURIComponent(field)}=${encodeURIComponent(text)}`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : JSON.stringify(value);
}

function takesBody(task: HttpTask): boolean {
  return task.method !== 'GET' && task.method !== 'DELETE';
}

function hasObjectBody(task: HttpTask, draft: Draft): boolean {
  return takesBody(task) && draft.wholeBody === undefined;
}

/** POST, PUT and PATCH always carry an object, if an empty one: APIs that speak JSON refuse an empty body. */
function bodyOf(task: HttpTask, draft: Draft): string | undefined {
  if (draft.wholeBody !== undefined) return JSON.stringify(draft.wholeBody);
  return takesBody(task) || Object.keys(draft.body).length > 0 ? JSON.stringify(draft.body) : undefined;
}
