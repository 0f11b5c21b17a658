import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { OAuthClient } from '../config/credential';
import { SettingsError } from '../config/env';
import type { SenderSettings } from '../config/sender-settings';
import type { ServiceSettings } from '../config/service-settings';
import { credentialsOf, sensitiveFieldsIn, withMaskAt, takesBody } from '../tasks/define';
import type { Effect, HttpTask, FieldPlace } from '../tasks/define';
import { effectOf } from '../tasks/effect';
import type { httpRequest } from '../tasks/http-request';
import { InvalidInputError, parseInput, ownEntry } from '../tasks/parse-input';
import { settingsOf } from '../tasks/service';
import type { CredentialRule } from '../tasks/service';
import { JSON_ANSWER, JSON_BODY } from '../tasks/wire';
import type { FieldWriting } from '../tasks/wire';
import { pathOfUnsafeInteger, withExactNumbers, WRITE_AS_TEXT, jsonText } from './exact-json';
import { genericRequest } from './generic-request';
import { USER_AGENT } from './exchange';
import type { MaskedRequest, PreparedRequest, RequestParts, TokenValues } from './exchange';
import { MASK, SECRET_HEADER, Scrubber } from './redact';
import { textOf, wellFormed, writeBody, writeHeaderText, writePairs, writeSegment } from './write-body';
import type { WrittenBody } from './write-body';

const NO_TOKENS: TokenValues = new Map();

type Fields = Readonly<Record<string, unknown>>;

/**
 * Validates an input and builds the request from it. Nothing is sent.
 *
 * @param options.onlyShown no client certificate is needed, since the request is only shown.
 * @throws InvalidInputError that names the field: the schema refuses the input, a value cannot be part of a URL, the
 * key slot is missing or unknown, or `http.request` names an origin that is not allowed.
 * @throws SettingsError if the service is not configured, or the task needs a client certificate and none is configured.
 */
export function prepareRequest(
  task: HttpTask,
  input: unknown,
  settings: SenderSettings,
  { onlyShown = false } = {},
): PreparedRequest {
  const fields = parseInput(task.name, task.input, input) as Fields;
  const rounded = pathOfUnsafeInteger(fields);
  if (rounded !== undefined) throw new InvalidInputError(task.name, [{ field: rounded, message: WRITE_AS_TEXT }]);
  const service = configured(task, settings);
  if (task.clientCertificate && !onlyShown) refuseWithoutCertificate(task, service, settings);
  const keySlot = pickSlot(task, fields, service);
  return new Prepared(task, fields, settings, service, keySlot);
}

/** A class instead of a spread object: one is created per call, and spreading costs a tenth of the throughput. */
class Prepared implements PreparedRequest {
  readonly method: PreparedRequest['method'];
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Buffer;
  readonly timeouts?: PreparedRequest['timeouts'];
  readonly expectedStatuses?: readonly number[];
  readonly keepBody?: PreparedRequest['keepBody'];
  readonly publicOnly?: boolean;
  readonly tokenClients?: PreparedRequest['tokenClients'];
  readonly effect: Effect;
  readonly keySlot?: string;
  readonly environment: string;
  readonly production: boolean;
  readonly #mask: () => MaskedRequest;
  readonly #build: (tokens: TokenValues) => RequestParts;

  constructor(
    task: HttpTask,
    fields: Fields,
    settings: SenderSettings,
    service: ServiceSettings,
    keySlot: string | undefined,
  ) {
    const sent = task.generic ? fields : (withExactNumbers(task.input, fields) as Fields);
    this.#build = (tokens) => build(task, sent, settings, service, keySlot, tokens);
    const parts = this.#build(NO_TOKENS);
    this.method = parts.method;
    this.origin = parts.origin;
    this.path = parts.path;
    this.headers = parts.headers;
    this.body = parts.body;
    this.timeouts = parts.timeouts;
    this.expectedStatuses = parts.expectedStatuses;
    this.keepBody = parts.keepBody;
    this.publicOnly = parts.publicOnly;
    this.tokenClients = parts.tokenClients;
    this.effect = effectOf(task, fields);
    this.keySlot = keySlot;
    this.environment = service.environment;
    this.production = service.production;
    this.#mask = () => mask(build(task, withoutTokens(task, sent), settings, service, keySlot, undefined), settings);
  }

  masked(): MaskedRequest {
    return this.#mask();
  }

  withTokens(tokens: TokenValues): RequestParts {
    return this.#build(tokens);
  }
}

/** Builds the request. Without `tokens` (as opposed to an empty map), every secret is masked. */
function build(
  task: HttpTask,
  fields: Fields,
  settings: SenderSettings,
  service: ServiceSettings,
  keySlot: string | undefined,
  tokens: TokenValues | undefined,
): RequestParts {
  if (task.generic)
    return genericRequest(task.name, fields as z.output<(typeof httpRequest)['input']>, settings, tokens);
  return placeFields(task, fields, service, keySlot, (value) =>
    typeof value === 'string' ? (tokens ? value : MASK) : (tokens?.get(value) ?? MASK),
  );
}

function configured(task: HttpTask, settings: SenderSettings): ServiceSettings {
  const service = settings.services.get(task.service.name);
  if (service) return service;
  const needed = credentialsOf(task).flatMap(settingsOf).join(', ');
  throw new SettingsError([
    {
      setting: 'HTTP_TASKS_SERVICES',
      message: `${task.service.title} is not configured here; add "${task.service.name}"${needed === '' ? '' : ` and set ${needed}`}.`,
    },
  ]);
}

function refuseWithoutCertificate(task: HttpTask, { baseUrl }: ServiceSettings, settings: SenderSettings): void {
  const { origin } = baseUrl;
  if (settings.tlsIdentities.get(origin)?.material().cert !== undefined) return;
  const how = origin.startsWith('https:')
    ? `set HTTP_TASKS_TLS_<NAME>_ORIGIN=${origin}, …_CERT_FILE and …_KEY_FILE.`
    : 'certificates are shown over https only.';
  throw new SettingsError([
    {
      setting: 'HTTP_TASKS_TLS_<NAME>_CERT_FILE',
      message: `${task.name} signs in with a client certificate, and none is configured for ${origin}; ${how}`,
    },
  ]);
}

/**
 * Returns which of the service's keys a call with this input uses; undefined if the service has no choice of keys or
 * the input names none of them.
 */
export function keySlotOf(
  task: HttpTask,
  input: unknown,
  { keySlots }: { readonly keySlots: readonly string[] },
): string | undefined {
  const field = slotFieldOf(task);
  if (field === undefined || typeof input !== 'object' || input === null) return undefined;
  const given = (input as Fields)[field];
  return given === undefined && keySlots.length === 1 ? keySlots[0] : keySlots.find((name) => name === given);
}

function slotFieldOf(task: HttpTask): string | undefined {
  return credentialsOf(task).find(({ slotField }) => slotField !== undefined)?.slotField;
}

function pickSlot(task: HttpTask, fields: Fields, service: ServiceSettings): string | undefined {
  const field = slotFieldOf(task);
  if (field === undefined) return undefined;
  const slot = keySlotOf(task, fields, service);
  if (slot !== undefined) return slot;
  const slots = service.keySlots;
  const given = fields[field];
  const message = given === undefined ? 'is required, because there are several keys' : 'is not the name of a key';
  throw new InvalidInputError(task.name, [{ field, message: `${message}; allowed: ${slots.join(', ')}` }]);
}

function withoutTokens(task: HttpTask, fields: Fields): Fields {
  return sensitiveFieldsIn(task, fields).reduce<Fields>(
    (shown, field) => withMaskAt(shown, field, MASK) as Fields,
    fields,
  );
}

function mask(parts: RequestParts, settings: SenderSettings): MaskedRequest {
  // A key may have been pasted into an ordinary field.
  const scrubber = new Scrubber(settings.secretValues());
  const headers = Object.entries(parts.headers).map(([name, value]) => {
    const shown = value.includes('{{secret:') || !SECRET_HEADER.test(name) ? scrubber.text(value) : MASK;
    return [name, shown] as const;
  });
  return {
    method: parts.method,
    url: scrubber.text(parts.origin + parts.path),
    headers: Object.fromEntries(headers),
    ...(parts.body !== undefined && { body: scrubber.text(shownBody(parts.body)) }),
  };
}

/** Returns the body as text; binary data is replaced by its size. */
function shownBody(body: string | Buffer): string {
  if (typeof body === 'string') return body;
  return isUtf8(body) ? body.toString('utf8') : `[${body.length} bytes]`;
}

/** Returns what to put into the request for a credential: its value, the access token of its client, or a mask. */
type Reveal = (value: string | OAuthClient) => string;

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
function placeFields(
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
    text === '' ? '' : encodeURIComponent(wellFormed({ task: task.name, field }, text)),
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

/** A value between quotes, as in OData's `users('{id}')`, has its own quotes doubled. */
function fillPlaceholder(path: string, name: string, encoded: string): string {
  const quoted = `'${encoded.replaceAll("'", "''")}'`;
  return path.replaceAll(`'{${name}}'`, () => quoted).replaceAll(`{${name}}`, () => encoded);
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
function encodeSegment(what: string, field: string, text: string): string {
  const refusal =
    text === ''
      ? 'must not be empty: it is part of the URL'
      : text === '.' || text === '..'
        ? 'must not be "." or "..", which would change the route'
        : undefined;
  if (refusal !== undefined) throw new InvalidInputError(what, [{ field, message: refusal }]);
  return encodeURIComponent(wellFormed({ task: what, field }, text));
}
