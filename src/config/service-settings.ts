import { CATALOGUE_SERVICES } from '../providers/catalogue-services';
import { settingsOf } from '../tasks/service';
import type { CredentialRule, ServiceDefinition } from '../tasks/service';
import { ClientCredential, Credential } from './credential';
import type { ClientPlace, OAuthClient } from './credential';
import { ProblemList, readText, SettingsError } from './env';
import type { Env } from './env';
import { isLoopback, parseBaseUrl, parseTokenUrl } from './origins';
import type { BaseUrl } from './origins';

/** Environment and address of a service, as far as they can be determined without keys. */
export interface ServicePlace {
  /** Undefined if the service has no default and the settings select none. */
  environment: string | undefined;
  /** The configured base URL; not validated. */
  address: string | undefined;
  production: boolean;
}

/** Name of the environment of an address that belongs to no named environment. */
const OWN_ADDRESS = 'custom';

/**
 * Reads environment and address of a service. For an imported service, a base URL set by the operator selects the
 * environment with the same origin. Where the address decides about production, this machine never is, and an address
 * that belongs to no environment is.
 */
export function servicePlace(env: Env, service: ServiceDefinition): ServicePlace {
  const { environments, productionEnvironments, imported, productionByAddress, defaultEnvironment } = service;
  const named = givenEnvironment(env, service)?.value;
  const own = givenBaseUrl(env, service)?.value;
  const isOpen = own !== undefined && named === undefined;
  const atOwn = isOpen
    ? Object.entries(environments).find(([, address]) => isSameOrigin(address, own))?.[0]
    : undefined;
  const environment = (imported && atOwn) ?? named ?? defaultEnvironment ?? (isOpen ? OWN_ADDRESS : undefined);
  const address =
    own ??
    (environment !== undefined && Object.hasOwn(environments, environment) ? environments[environment] : undefined);
  const isListed = (name: string | undefined): boolean => name !== undefined && productionEnvironments.includes(name);
  if (!imported && !productionByAddress) return { environment, address, production: isListed(environment) };
  const production = isOpen ? atOwn === undefined || isListed(atOwn) : isListed(environment);
  return { environment, address, production: production && !isThisMachine(address) };
}

/** A setting with its value. */
interface Given {
  setting: string;
  value: string;
}

function given(env: Env, setting: string | undefined): Given | undefined {
  const value = setting === undefined ? undefined : readText(env, setting);
  return setting === undefined || value === undefined ? undefined : { setting, value };
}

/** Returns the setting that names the environment; an account without one of its own has that of the default account. */
export function givenEnvironment(env: Env, { environmentSetting, account }: ServiceDefinition): Given | undefined {
  return given(env, environmentSetting) ?? (account && given(env, account.of.environmentSetting));
}

/**
 * Returns the setting that replaces the base URL. An account without one has that of the default account, unless it names
 * its environment: then it has that environment's address.
 */
export function givenBaseUrl(env: Env, service: ServiceDefinition): Given | undefined {
  const { baseUrlSetting, environmentSetting, account } = service;
  const own = given(env, baseUrlSetting);
  if (own || !account || given(env, environmentSetting)) return own;
  return given(env, account.of.baseUrlSetting);
}

/** Returns the setting that says where credentials are placed; an account without one has that of the default account. */
export function givenPlacement(env: Env, { placementSetting, account }: ServiceDefinition): Given | undefined {
  return given(env, placementSetting) ?? (account && given(env, account.of.placementSetting));
}

function isThisMachine(address: string | undefined): boolean {
  return address !== undefined && URL.canParse(address) && isLoopback(new URL(address).hostname);
}

function isSameOrigin(a: string, b: string): boolean {
  // The root dot of a host name makes it no other host.
  const origin = (address: string): string => new URL(address).origin.replace(/\.(?=$|:\d+$)/, '');
  return URL.canParse(a) && URL.canParse(b) && origin(a) === origin(b);
}

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

/** Environment, base URL and keys of a service. Key values are never enumerable. */
export class ServiceSettings {
  readonly service: string;
  /** One of the service's environments, for example `sandbox`. */
  readonly environment: string;
  /** Whether that environment contains real people's data. */
  readonly production: boolean;
  readonly baseUrl: BaseUrl;
  /** Where to put credentials that may also be fields of the body. */
  readonly credentialsIn: 'header' | 'body';
  readonly #credentials: readonly (Credential | ClientCredential)[];

  constructor(
    parts: Pick<ServiceSettings, 'service' | 'environment' | 'production' | 'baseUrl' | 'credentialsIn'>,
    credentials: readonly (Credential | ClientCredential)[],
  ) {
    this.service = parts.service;
    this.environment = parts.environment;
    this.production = parts.production;
    this.baseUrl = parts.baseUrl;
    this.credentialsIn = parts.credentialsIn;
    this.#credentials = credentials;
  }

  /** Names of the keys from which a call uses one, for example `['ios', 'android']`; empty if there is no choice. */
  get keySlots(): readonly string[] {
    return this.#credentials.find(({ rule }) => rule.slotField !== undefined)?.slots ?? [];
  }

  /**
   * Returns every credential with its value in this slot, or with the client whose access token is the value. With
   * `rules`, returns those of a task with its own authentication. Use values only in requests: never log or return
   * them.
   */
  credentialsFor(
    slot: string | undefined,
    rules?: readonly CredentialRule[],
  ): { rule: CredentialRule; value: string | OAuthClient }[] {
    if (rules === undefined)
      return this.#credentials.map((credential) => ({ rule: credential.rule, value: credential.valueFor(slot) ?? '' }));
    return rules.map((rule) => {
      const credential = this.#credentials.find(({ rule: { setting } }) => setting === rule.setting);
      return { rule, value: credential?.valueFor(slot) ?? '' };
    });
  }

  /** Returns the values of all keys in all slots, to search for them in responses. */
  secretValues(): string[] {
    return this.#credentials.flatMap((credential) => credential.values);
  }

  /** Reads keys that came from files again; returns whether any changed. */
  reload(): boolean {
    // Does not stop at the first change.
    return this.#credentials.map((credential) => credential.reload()).includes(true);
  }
}

/** Reads a service's settings; if they are invalid, adds to `problems` and returns undefined. */
export function readServiceSettings(
  env: Env,
  service: ServiceDefinition,
  problems: ProblemList,
  options: { routePrefix?: string } = {},
): ServiceSettings | undefined {
  const environment = readEnvironment(env, service, problems);
  const baseUrl = readBaseUrl(env, service, environment, problems, options.routePrefix);
  const credentialsIn = readPlacement(env, service, problems);
  const bound = boundOrigins(env, service);
  const place =
    environment !== undefined && baseUrl
      ? { environment, origin: baseUrl.origin, ...(bound && { secretOrigins: bound }) }
      : undefined;
  const isBound =
    place === undefined || bound === undefined || service.credentials.length === 0 || bound.includes(place.origin);
  if (!isBound) problems.add(service.baseUrlSetting ?? service.name, unboundMessage(service, place.origin, bound));
  const credentials = service.credentials.map((rule) =>
    rule.unnamed ? refuseUnnamed(rule, service, problems) : readCredential(env, rule, place, problems),
  );
  const complete = credentials.filter((credential) => credential !== undefined);
  if (environment === undefined || baseUrl === undefined || credentialsIn === undefined) return undefined;
  if (complete.length < service.credentials.length || !isBound) return undefined;
  const { production } = servicePlace(env, service);
  return new ServiceSettings({ service: service.name, environment, production, baseUrl, credentialsIn }, complete);
}

function readCredential(
  env: Env,
  rule: CredentialRule,
  place: ClientPlace | undefined,
  problems: ProblemList,
): Credential | ClientCredential | undefined {
  const { clientCredentials } = rule;
  return clientCredentials
    ? ClientCredential.read(env, rule, clientCredentials, place, problems)
    : Credential.read(env, rule, problems);
}

function refuseUnnamed(
  { setting, formerly }: CredentialRule,
  { name }: ServiceDefinition,
  problems: ProblemList,
): undefined {
  problems.add(
    setting,
    `is not read, because only the document of "${name}" suggests it. Name the service (--service ${name}, or {service: '${name}'} in code) and set ${setting}, or name another setting for the key (--key SCHEME=SETTING, or credentials in code).${formerly === undefined ? '' : ` Version 0.1.0 read ${formerly} instead.`}`,
  );
  return undefined;
}

function unboundMessage({ imported, name }: ServiceDefinition, origin: string, bound: readonly string[]): string {
  const allowed = bound.length === 0 ? 'no origin yet' : bound.join(', ');
  const setting = imported?.baseUrlSetting;
  const address = setting === undefined ? '' : ` Set ${setting} to the address of the service, or`;
  return `the keys of "${name}" would go to ${origin}, but they are bound to ${allowed}.${address} import the document with the origins that may receive them (--origin, or origins in code).`;
}

function whyNoEnvironment({
  name,
  environments,
  environmentSetting,
  baseUrlSetting,
  imported,
}: ServiceDefinition): string {
  const all = Object.entries(environments).map(([environment, url]) => `${environment} (${url})`);
  if (all.length === 0) {
    const how =
      baseUrlSetting === undefined
        ? `Name the service (--service ${name}, or service in code) and set its base URL, or give baseUrl in code`
        : `Set ${baseUrlSetting}`;
    return `the document of "${name}" names no address that can be called. ${how}, for example https://api.example.com.`;
  }
  const how =
    environmentSetting === undefined
      ? `name the service (--service ${imported?.as ?? name}, or service in code) to choose one by a setting, or give defaultEnvironment in code`
      : `set ${environmentSetting} to one of them`;
  return `is missing: "${name}" has several servers and no default, because none looks like a sandbox; ${how}: ${all.join(', ')}.`;
}

/**
 * Returns the environment of a service in which its IDs are valid. Needs no keys.
 *
 * @throws SettingsError if its setting names none of its environments.
 */
export function environmentFor(env: Env, service: ServiceDefinition): string {
  const problems = new ProblemList();
  return problems.finish(readEnvironment(env, service, problems) ?? '');
}

function readEnvironment(env: Env, service: ServiceDefinition, problems: ProblemList): string | undefined {
  const given = givenEnvironment(env, service);
  if (given === undefined) {
    const place = servicePlace(env, service);
    if (place.environment !== undefined) return place.environment;
    problems.add(service.environmentSetting ?? service.baseUrlSetting ?? service.name, whyNoEnvironment(service));
    return undefined;
  }
  const { setting, value } = given;
  if (Object.hasOwn(service.environments, value)) return value;
  const allowed = Object.keys(service.environments).join(', ');
  problems.add(setting, `"${value}" is not an environment of ${service.title}; allowed: ${allowed}.`);
  return undefined;
}

function readBaseUrl(
  env: Env,
  service: ServiceDefinition,
  environment: string | undefined,
  problems: ProblemList,
  routePrefix: string | undefined,
): BaseUrl | undefined {
  const given = givenBaseUrl(env, service);
  const setting = given?.setting ?? service.baseUrlSetting;
  // The missing environment has already been reported.
  if (given === undefined && environment === undefined) return undefined;
  const parsed = parseBaseUrl(given?.value ?? service.environments[environment ?? ''] ?? '');
  if (typeof parsed === 'string') {
    problems.add(setting ?? service.name, parsed);
    return undefined;
  }
  if (routePrefix !== undefined && parsed.path.endsWith(routePrefix)) {
    problems.add(
      setting ?? service.name,
      `ends with ${routePrefix}, which every route of ${service.title} begins with; leave it out.`,
    );
    return undefined;
  }
  const addressDecides = (service.imported || service.productionByAddress) && !givenEnvironment(env, service);
  if (given !== undefined && environment !== undefined && !addressDecides)
    refuseOtherEnvironment(service, environment, given, problems);
  return parsed;
}

/** Calls would be asked about, allowed and recorded as those of the wrong environment. */
function refuseOtherEnvironment(
  { environments, environmentSetting, title }: ServiceDefinition,
  environment: string,
  { setting, value }: Given,
  problems: ProblemList,
): void {
  const named = Object.keys(environments).filter((name) => isSameOrigin(environments[name] ?? '', value));
  if (named.length === 0 || named.includes(environment)) return;
  const how = environmentSetting === undefined ? 'Correct' : `Set ${environmentSetting}=${named[0]}, or correct`;
  const message = `is ${environment}, but ${setting} is the address of ${named[0]} at ${title}. ${how} ${setting}.`;
  problems.add(environmentSetting ?? setting, message);
}

function readPlacement(env: Env, service: ServiceDefinition, problems: ProblemList): 'header' | 'body' | undefined {
  const given = givenPlacement(env, service);
  const value = given?.value ?? 'header';
  if (value === 'header' || value === 'body') return value;
  problems.add(given?.setting ?? service.name, `"${value}" is not valid; allowed: header, body.`);
  return undefined;
}

/**
 * Refuses a call to a production address unless the setting that selects the environment says production.
 *
 * @throws SettingsError that names the setting.
 */
export function refuseAccidentalProduction(
  prepared: { origin: string },
  env: Env,
  services: readonly ServiceDefinition[] = CATALOGUE_SERVICES,
): void {
  for (const service of services) {
    const { title, environments, productionEnvironments, environmentSetting } = service;
    if (environmentSetting === undefined) continue;
    const named = productionEnvironments.filter((name) => new URL(environments[name] ?? '').origin === prepared.origin);
    if (named.length === 0 || named.includes(givenEnvironment(env, service)?.value ?? '')) continue;
    throw new SettingsError([
      {
        setting: environmentSetting,
        message: `this call would go to ${title}'s production (${prepared.origin}). Set ${environmentSetting}=${named[0]} if that is what you want. Nothing was sent.`,
      },
    ]);
  }
}
