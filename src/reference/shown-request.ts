import { isUtf8 } from 'node:buffer';
import type { Env } from '../config/env';
import { readSenderSettings } from '../config/settings';
import { prepareRequest } from '../http/prepare-request';
import { Scrubber } from '../http/redact';
import { sensitiveFieldsIn, tokensAt } from '../tasks/define';
import type { Effect, HttpTask } from '../tasks/define';
import { SecretNames } from './secret-names';
import type { TextPart } from './secret-names';

/** A request as it would be sent, with names in the place of secrets. */
export interface ShownRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
  effect: Effect;
  environment: string;
  production: boolean;
  /** Scheme, host and port. */
  origin: string;
  keySlot?: string;
}

/** The same for a command that sends it: nothing is hidden but the secrets, which are named. */
export interface RequestParts {
  method: string;
  url: TextPart[];
  headers: [name: string, value: TextPart[]][];
  /** Absent where there is none, or where it is bytes that are no text. */
  body?: TextPart[];
  bodyBytes?: number;
}

/** What the sender decides about the connection; a command decides it itself. */
const OWN_HEADERS = new Set(['user-agent', 'accept-encoding']);

/**
 * Prepares a request without any secret: the settings need none.
 *
 * @throws InvalidInputError naming the field.
 * @throws SettingsError when what is no secret (address, environment) is wrong.
 */
export function showRequest(task: HttpTask, input: unknown, env: Env): { shown: ShownRequest; parts: RequestParts } {
  const names = new SecretNames(env, task.service);
  const prepared = prepareRequest(task, input, readSenderSettings(names.env, [task.service]));
  const { method, origin, effect, environment, production, keySlot } = prepared;
  const tokens = new Scrubber(sensitiveFieldsIn(task, input).flatMap((field) => tokensAt(input, field)));
  const show = (text: string): string => tokens.text(names.shown(text));
  const url = origin + prepared.path;
  const headers = Object.entries(prepared.withTokens(names.tokensOf(prepared.tokenClients ?? [])).headers);
  const body = textOf(prepared.body);
  return {
    shown: {
      method,
      url: show(url),
      headers: Object.fromEntries(headers.map(([name, value]) => [name, show(value)])),
      ...(prepared.body !== undefined && { body: body === undefined ? `[${prepared.body.length} bytes]` : show(body) }),
      ...{ effect, environment, production, origin },
      ...(keySlot !== undefined && { keySlot }),
    },
    parts: {
      method,
      url: names.partsOf(url),
      headers: headers.filter(([name]) => !OWN_HEADERS.has(name)).map(([name, value]) => [name, names.partsOf(value)]),
      ...(body !== undefined && { body: names.partsOf(body) }),
      ...(prepared.body !== undefined && body === undefined && { bodyBytes: prepared.body.length }),
    },
  };
}

function textOf(body: string | Buffer | undefined): string | undefined {
  if (body === undefined || typeof body === 'string') return body;
  return isUtf8(body) ? body.toString('utf8') : undefined;
}
