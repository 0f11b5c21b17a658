import { OAuthClient } from '../config/credential';
import type { ServiceSettings } from '../config/service-settings';
import { takesBody } from '../tasks/define';
import type { FieldPlace, HttpTask } from '../tasks/define';
import { ownEntry } from '../tasks/own-entry';
import { InvalidInputError } from '../tasks/parse-input';
import type { CredentialRule } from '../tasks/service';
import { JSON_ANSWER, JSON_BODY } from '../tasks/wire';
import type { FieldWriting } from '../tasks/wire';
import { jsonText } from './exact-json';
import { USER_AGENT } from './prepared-request';
import type { RequestParts } from './prepared-request';
import { textOf, writeBody, writeHeaderText, writePairs, writeSegment } from './write-body';
import type { WrittenBody } from './write-body';

type Fields = Readonly<Record<string, unknown>>;

/** Returns what to put into the request for a credential: its value, the access token of its client, or a mask. */
export type Reveal = (value: string | OAuthClient) => string;

/** A request under construction. */
interface Draft {
  path: string;
  query: string[];
  headers: Record<string, string>;
  cookies: string[];
  body: Record<string, unknown>;
  wholeBody?: unknown;
}

const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Puts every field of a valid input, and every credential, where the task's definition says.
 *
 * @throws InvalidInputError if a value is not allowed in its place.
 */
export function placeFields(
  task: HttpTask,
  input: Fields,
  service: ServiceSettings,
  keySlot: string | undefined,
  reveal: Reveal,
): RequestParts {
  const draft: Draft = { path: task.path, query: [], headers: baseHeaders(task), cookies: [], body: {} };
  for (const [field, value] of Object.entries(input)) {
    // A field of any type that was left out may be read from the prototype, where `toString` is a function.
    if (value !== undefined && typeof value !== 'function') placeField(task, draft, field, value);
  }
  const tokenClients: OAuthClient[] = [];
  for (const { rule, value } of service.credentialsFor(keySlot, task.credentials)) {
    if (value instanceof OAuthClient) tokenClients.push(value);
    const inBody = rule.bodyName !== undefined && service.credentialsIn === 'body' && hasObjectBody(task, draft);
    placeCredential(draft, inBody ? 'body' : rule.in, inBody ? rule.bodyName : rule.name, schemed(rule, value, reveal));
  }
  const written = bodyOf(task, draft);
  if (written !== undefined) draft.headers['content-type'] = written.contentType;
  if (draft.cookies.length > 0) draft.headers['cookie'] = draft.cookies.join('; ');
  return {
    method: task.method,
    origin: service.baseUrl.origin,
    path: service.baseUrl.path + draft.path + queryOf(draft),
    headers: draft.headers,
    ...(written !== undefined && { body: written.body }),
    ...(tokenClients.length > 0 && { tokenClients }),
  };
}

function baseHeaders(task: HttpTask): Record<string, string> {
  return {
    'user-agent': USER_AGENT,
    accept: (task.answerForm ?? JSON_ANSWER).accept,
    'accept-encoding': 'identity',
    ...task.service.headers,
  };
}

function placeField(task: HttpTask, draft: Draft, field: string, value: unknown): void {
  const place: FieldPlace = ownEntry(task.places, field) ?? (takesBody(task.method) ? 'body' : 'query');
  const writing = ownEntry(task.writing, field);
  const name = writing?.name ?? field;
  switch (place) {
    case 'path':
      draft.path = fillPlaceholder(draft.path, name, segmentOf(task, field, name, value, writing));
      return;
    case 'query':
      draft.query.push(...writePairs({ task: task.name, field }, name, value, writing));
      return;
    case 'header':
      draft.headers[name] = headerOf(task, field, value, writing);
      return;
    case 'cookie':
      draft.cookies.push(...writePairs({ task: task.name, field }, name, value, writing));
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

function segmentOf(
  task: HttpTask,
  field: string,
  name: string,
  value: unknown,
  writing: FieldWriting | undefined,
): string {
  if (writing?.json) return encodeSegment(task.name, field, jsonText(value));
  if (writing?.style === undefined) return encodeSegment(task.name, field, textOf(value));
  const segment = writeSegment(name, value, writing, (text) =>
    text === '' ? '' : encodeURIComponent(wellFormed(task, field, text)),
  );
  // A label of "." is the segment "..", so the whole segment has to be checked.
  if (segment === '' || segment === '.' || segment === '..') encodeSegment(task.name, field, segment);
  return segment;
}

function headerOf(task: HttpTask, field: string, value: unknown, writing: FieldWriting | undefined): string {
  const text = writing?.style === undefined && !writing?.json ? textOf(value) : writeHeaderText(value, writing);
  if (HEADER_VALUE.test(text)) return text;
  throw new InvalidInputError(task.name, [
    { field, message: 'must not contain line breaks or characters outside Latin-1' },
  ]);
}

function wellFormed(task: HttpTask, field: string, text: string): string {
  if (!/\p{Surrogate}/u.test(text)) return text;
  throw new InvalidInputError(task.name, [
    { field, message: 'must be well-formed Unicode; it contains an unpaired surrogate' },
  ]);
}

function schemed({ scheme }: CredentialRule, value: string | OAuthClient, reveal: Reveal): string {
  if (scheme === 'bearer') return `Bearer ${reveal(value)}`;
  if (scheme === 'basic' && typeof value === 'string')
    return `Basic ${reveal(Buffer.from(value, 'utf8').toString('base64'))}`;
  return reveal(value);
}

function placeCredential(draft: Draft, place: CredentialRule['in'], name: string | undefined, value: string): void {
  if (name === undefined) return;
  switch (place) {
    case 'header':
      draft.headers[name] = value;
      return;
    case 'query':
      draft.query.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
      return;
    case 'cookie':
      draft.cookies.push(`${name}=${value}`);
      return;
    case 'path':
      draft.path = fillPlaceholder(draft.path, name, encodeURIComponent(value));
      return;
    case 'body':
      draft.body[name] = value;
      return;
  }
}

/** The replacement is a function because `$&` has a meaning in a replacement string. */
function fillPlaceholder(path: string, name: string, encoded: string): string {
  return path.replaceAll(`{${name}}`, () => encoded);
}

/** The task's path may already contain a query. */
function queryOf({ path, query }: Draft): string {
  return query.length === 0 ? '' : `${path.includes('?') ? '&' : '?'}${query.join('&')}`;
}

function hasObjectBody(task: HttpTask, draft: Draft): boolean {
  return takesBody(task.method) && draft.wholeBody === undefined;
}

/**
 * POST, PUT and PATCH send at least an empty object, because JSON APIs refuse an empty body. If the body is one field
 * of the input and that field is missing, no body is sent.
 */
function bodyOf(task: HttpTask, draft: Draft): WrittenBody | undefined {
  const form = task.bodyForm ?? JSON_BODY;
  if (draft.wholeBody !== undefined) return writeBody(task.name, form, draft.wholeBody);
  const isEmpty = Object.keys(draft.body).length === 0;
  if (isEmpty && (!takesBody(task.method) || Object.values(task.places).includes('wholeBody'))) return undefined;
  return writeBody(task.name, form, draft.body);
}

/**
 * Encodes a value as exactly one path segment: its slashes, question marks and percent signs cannot change the route.
 * Refuses the empty string and the two dot segments, because servers and proxies resolve those to another route however
 * they are encoded.
 *
 * @throws InvalidInputError that names the field.
 */
export function encodeSegment(what: string, field: string, text: string): string {
  const refusal =
    text === ''
      ? 'must not be empty: it is part of the URL'
      : text === '.' || text === '..'
        ? 'must not be "." or "..", which would change the route'
        : /\p{Surrogate}/u.test(text)
          ? 'must be well-formed Unicode; it contains an unpaired surrogate'
          : undefined;
  if (refusal !== undefined) throw new InvalidInputError(what, [{ field, message: refusal }]);
  return encodeURIComponent(text);
}
