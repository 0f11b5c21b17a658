import { settingsOf } from '../tasks/service';
import type { CredentialRule, ServiceDefinition } from '../tasks/service';
import { parseBaseUrl, parseTokenUrl } from './base-url';
import { readText } from './env';
import type { Env } from './env';
import { servicePlace } from './service-place';

/** Which origin receives the keys of which settings of an imported service. */
export interface KeyBinding {
  service: string;
  settings: readonly string[];
  /** The origin that receives the keys; undefined while none may. */
  origin: string | undefined;
  /** The origin of the token endpoint that receives the client's ID and secret, if it is a different one. */
  tokenOrigin?: string;
  /** The document only suggests the settings; they are not read. */
  unnamed: boolean;
}

/**
 * Returns the origins that may receive the keys of an imported service: the one of the operator's base URL, or else
 * those given at import.
 */
export function boundOrigins(env: Env, { imported }: ServiceDefinition): readonly string[] | undefined {
  if (!imported) return undefined;
  const given = imported.baseUrlSetting === undefined ? undefined : readText(env, imported.baseUrlSetting);
  if (given === undefined) return imported.origins;
  const base = parseBaseUrl(given);
  return typeof base === 'string' ? [] : [base.origin];
}

/**
 * Returns where the keys of imported services are sent, by setting and origin, for a person to check. Reads no secret.
 */
export function keyBindings(env: Env, services: Iterable<ServiceDefinition>): KeyBinding[] {
  return [...services].flatMap((service) => {
    const bound = boundOrigins(env, service);
    const origin = originOf(env, service);
    const sent = origin !== undefined && bound?.includes(origin) ? origin : undefined;
    return bound === undefined ? [] : service.credentials.map((rule) => bindingOf(env, service.name, rule, sent));
  });
}

/** Formats a binding as one line. */
export function bindingLine({ service, settings, origin, tokenOrigin, unnamed }: KeyBinding): string {
  const names = settings.join(' and ');
  if (unnamed)
    return `${service}: ${names} ${settings.length > 1 ? 'are' : 'is'} not read, because only the document suggests the name.`;
  const token = tokenOrigin === undefined ? '' : ` for access tokens from ${tokenOrigin}`;
  return `${service}: ${names} -> ${origin ?? 'no origin yet'}${token}`;
}

function bindingOf(env: Env, service: string, rule: CredentialRule, origin: string | undefined): KeyBinding {
  const tokenOrigin = tokenOriginOf(env, rule, origin);
  return {
    service,
    settings: settingsOf(rule),
    origin,
    ...(tokenOrigin !== undefined && tokenOrigin !== origin && { tokenOrigin }),
    unnamed: rule.unnamed === true,
  };
}

function originOf(env: Env, service: ServiceDefinition): string | undefined {
  const base = parseBaseUrl(servicePlace(env, service).address ?? '');
  return typeof base === 'string' ? undefined : base.origin;
}

function tokenOriginOf(
  env: Env,
  { clientCredentials }: CredentialRule,
  origin: string | undefined,
): string | undefined {
  const setting = clientCredentials?.settings?.tokenUrl;
  const defined = typeof clientCredentials?.tokenUrl === 'string' ? clientCredentials.tokenUrl : undefined;
  const text = (setting === undefined ? undefined : readText(env, setting)) ?? defined;
  if (text === undefined) return undefined;
  const endpoint = parseTokenUrl(text.startsWith('/') ? `${origin ?? ''}${text}` : text);
  return typeof endpoint === 'string' ? undefined : endpoint.origin;
}
