import { isUtf8 } from 'node:buffer';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import { readSenderSettings } from 'temporal-http-tasks/internal/config/settings';
import { prepareRequest } from 'temporal-http-tasks/internal/http/prepare-request';
import type { PreparedRequest } from 'temporal-http-tasks/internal/http/exchange';
import { boundaryIn, readMultipart } from 'temporal-http-tasks/internal/http/write-body';
import type { ReadPart } from 'temporal-http-tasks/internal/http/write-body';
import { Scrubber } from 'temporal-http-tasks/internal/http/redact';
import { sensitiveFieldsIn, tokensAt } from 'temporal-http-tasks/internal/tasks/define';
import type { Effect, HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { servicesFor } from 'temporal-http-tasks/internal/tasks/needed-services';
import { SecretNames } from './secret-names';
import type { TextPart } from './secret-names';

/** A request as it would be sent, with names instead of secrets. */
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

/** The same for a command that sends it: only secrets are replaced by their names. */
export interface RequestParts {
  method: string;
  url: TextPart[];
  headers: [name: string, value: TextPart[]][];
  /** Absent if there is none, if it is a form, or if it is binary. */
  body?: TextPart[];
  bodyBytes?: Buffer;
  /** The parts of a multipart body; the headers then do not include `content-type`. */
  form?: FormPart[];
  /** It is sent with a client certificate. */
  clientCertificate?: true;
}

/** One part of a multipart body. */
export interface FormPart extends Omit<ReadPart, 'value'> {
  /** Text, or binary data. */
  value: TextPart[] | Buffer;
}

/** Headers about the connection, which a command sets itself. */
const OWN_HEADERS = new Set(['user-agent', 'accept-encoding']);

/**
 * Prepares a request without secrets; the settings do not need to contain any.
 *
 * @throws InvalidInputError that names the field.
 * @throws SettingsError if a setting that is not secret (base URL, environment) is wrong.
 */
export function showRequest(task: HttpTask, input: unknown, env: Env): { shown: ShownRequest; parts: RequestParts } {
  const names = new SecretNames(env, task.service);
  const prepared = prepareRequest(task, input, readSenderSettings(names.env, servicesFor([task])), {
    onlyShown: true,
  });
  const { method, origin, effect, environment, production, keySlot } = prepared;
  const tokens = new Scrubber(sensitiveFieldsIn(task, input).flatMap((field) => tokensAt(input, field)));
  const show = (text: string): string => tokens.text(names.shown(text));
  const url = origin + prepared.path;
  const headers = Object.entries(prepared.withTokens(names.tokensOf(prepared.tokenClients ?? [])).headers);
  const body = textOf(prepared.body);
  const form = partsOf(prepared);
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
      ...(task.clientCertificate && { clientCertificate: true }),
      url: names.partsOf(url),
      headers: headers
        .filter(([name]) => !OWN_HEADERS.has(name) && !(form && name === 'content-type'))
        .map(([name, value]) => [name, names.partsOf(value)]),
      ...(form && {
        form: form.map((part) => ({
          ...part,
          value: isText(part.value) ? names.partsOf(part.value.toString('utf8')) : part.value,
        })),
      }),
      ...(!form && body !== undefined && { body: names.partsOf(body) }),
      ...(!form && Buffer.isBuffer(prepared.body) && body === undefined && { bodyBytes: prepared.body }),
    },
  };
}

function textOf(body: string | Buffer | undefined): string | undefined {
  if (body === undefined || typeof body === 'string') return body;
  return isText(body) ? body.toString('utf8') : undefined;
}

/** Whether these bytes can be a command line argument. */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

/** Returns the parts of a multipart body; undefined for any other body. */
function partsOf({ headers, body }: Pick<PreparedRequest, 'headers' | 'body'>): ReadPart[] | undefined {
  const boundary = boundaryIn(headers['content-type'] ?? '');
  return body === undefined || boundary === undefined ? undefined : readMultipart(Buffer.from(body), boundary);
}
