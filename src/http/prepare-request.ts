import { isUtf8 } from 'node:buffer';
import { SettingsError } from '../config/env';
import type { SenderSettings } from '../config/sender-settings';
import type { ServiceSettings } from '../config/service-settings';
import { credentialsOf, sensitiveFieldsIn, withMaskAt } from '../tasks/define';
import type { Effect, HttpTask } from '../tasks/define';
import { effectOf } from '../tasks/effect';
import type { httpRequest } from '../tasks/http/tasks';
import { pathOfUnsafeInteger, withExactNumbers, WRITE_AS_TEXT } from './exact-json';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { settingsOf } from '../tasks/service';
import { genericRequest } from './generic-request';
import { placeFields } from './place-fields';
import type { MaskedRequest, PreparedRequest, RequestParts, TokenValues } from './prepared-request';
import { MASK, SECRET_HEADER, Scrubber } from './redact';
import type { z } from 'zod';

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
