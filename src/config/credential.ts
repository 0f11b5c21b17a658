import { createHash } from 'node:crypto';
import type { AuthMethod, ClientCredentials, CredentialRule } from '../tasks/service';
import { settingsOf } from '../tasks/service';
import { parseTokenUrl } from './origins';
import type { BaseUrl } from './origins';
import { readText, Secret } from './env';
import type { Env, ProblemList } from './env';

/** The slot of a key without a name, and of a credential without slots. */
export const DEFAULT_SLOT = 'default';

const SLOT_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** A credential of a service, with its values by key slot. */
export class Credential {
  readonly rule: CredentialRule;
  readonly #secret: Secret;
  #values: ReadonlyMap<string, string>;

  private constructor(rule: CredentialRule, secret: Secret) {
    this.rule = rule;
    this.#secret = secret;
    this.#values = valuesOf(rule, secret.value);
  }

  static read(env: Env, rule: CredentialRule, problems: ProblemList): Credential | undefined {
    const check =
      rule.slotField === undefined ? (text: string) => whyNotSendable(text) ?? whyNotFor(rule, text) : whyNotSlots;
    const secret = Secret.read(env, rule.setting, problems, {
      required: true,
      check,
      ...(rule.formerly !== undefined && { formerly: rule.formerly }),
    });
    return secret && new Credential(rule, secret);
  }

  /** Slot names in the order in which they were given. */
  get slots(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** Every secret value in it. For `user:password` also the password, which may be echoed alone. */
  get values(): readonly string[] {
    const values = [...this.#values.values()];
    return this.rule.scheme === 'basic'
      ? values.flatMap((value) => [value, value.slice(value.indexOf(':') + 1)])
      : values;
  }

  /** Returns the value of this slot; a credential without slots has one value for all. */
  valueFor(slot: string | undefined): string | undefined {
    return this.#values.get(this.rule.slotField === undefined ? DEFAULT_SLOT : (slot ?? DEFAULT_SLOT));
  }

  /** Reads the file again, if any; returns whether anything changed. */
  reload(): boolean {
    if (!this.#secret.reload()) return false;
    this.#values = valuesOf(this.rule, this.#secret.value);
    return true;
  }
}

function valuesOf(rule: CredentialRule, text: string): ReadonlyMap<string, string> {
  return rule.slotField === undefined ? new Map([[DEFAULT_SLOT, text]]) : new Map(splitSlots(text));
}

/** Returns the slot names in `ios=KEY,android=KEY`; none for a single key. */
export function slotNamesIn(text: string): string[] {
  const names = splitSlots(text).map(([slot]) => slot);
  return names.every((slot) => SLOT_NAME.test(slot)) && text.includes('=') ? names : [];
}

/** Parses `ios=KEY,android=KEY`, or a single key. */
function splitSlots(text: string): [slot: string, value: string][] {
  if (!text.includes('=') && !text.includes(',')) return [[DEFAULT_SLOT, text]];
  return text.split(',').map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, Math.max(at, 0)).trim(), entry.slice(at + 1).trim()];
  });
}

function whyNotSlots(text: string): string | undefined {
  const form = 'write name=KEY,name=KEY (for example ios=KEY,android=KEY), or one bare key.';
  const seen = new Set<string>();
  for (const [index, [slot, value]] of splitSlots(text).entries()) {
    const which = `entry ${index + 1}`;
    if (!SLOT_NAME.test(slot))
      return `${which} has no valid name (a letter, then letters, digits, "-" or "_"); ${form}`;
    if (value === '') return `${which} ("${slot}") has no key; ${form}`;
    if (seen.has(slot)) return `duplicate key name "${slot}"; ${form}`;
    seen.add(slot);
    const wrong = whyNotSendable(value);
    if (wrong !== undefined) return `the key named "${slot}" ${wrong}`;
  }
  return undefined;
}

/** Checks what a header cannot carry here, where the error can name the setting. */
function whyNotSendable(text: string): string | undefined {
  if (text.trim() !== text) return 'begins or ends with white space or a line break; remove it.';
  if (!/^[\x20-\x7e]+$/.test(text))
    return 'contains a control character or a character outside ASCII; a key has printable ASCII characters only.';
  return undefined;
}

/** Checks what this credential's place cannot carry. */
function whyNotFor({ in: place, scheme }: CredentialRule, text: string): string | undefined {
  if (scheme === 'basic' && !text.includes(':')) return 'must be written as user:password.';
  if (place === 'cookie' && /[\s",;\\]/.test(text))
    return 'contains a space, a quote, a comma, a semicolon or a backslash, which a cookie cannot carry.';
  return undefined;
}

/** The parts of a client that are not secret. */
export interface OAuthClientParts {
  tokenEndpoint: BaseUrl;
  authMethod: AuthMethod;
  scope?: string;
  audience?: string;
  /** The settings to check if the client is refused. */
  settings: readonly string[];
  /** Name of the environment variable for its access token in generated requests. */
  tokenName: string;
}

/**
 * A client that obtains access tokens with OAuth 2.0 client credentials. ID and secret are read on each use, because
 * files may be replaced, and are never enumerable.
 */
export class OAuthClient {
  readonly tokenEndpoint: BaseUrl;
  readonly authMethod: AuthMethod;
  readonly scope: string | undefined;
  readonly audience: string | undefined;
  readonly settings: readonly string[];
  readonly tokenName: string;
  readonly #read: () => { id: string; secret: string };

  constructor(parts: OAuthClientParts, read: () => { id: string; secret: string }) {
    this.tokenEndpoint = parts.tokenEndpoint;
    this.authMethod = parts.authMethod;
    this.scope = parts.scope;
    this.audience = parts.audience;
    this.settings = parts.settings;
    this.tokenName = parts.tokenName;
    this.#read = read;
  }

  get id(): string {
    return this.#read().id;
  }

  get secret(): string {
    return this.#read().secret;
  }

  /** Identifies the client: clients with the same key get the same tokens. It does not reveal the secret. */
  get key(): string {
    const { tokenEndpoint, authMethod, scope = '', audience = '', id, secret } = this;
    return createHash('sha256')
      .update(JSON.stringify([tokenEndpoint.origin, tokenEndpoint.path, authMethod, scope, audience, id, secret]))
      .digest('hex');
  }
}

/** Encodes a value as in a form, which RFC 6749 also requires for client credentials in Basic authentication. */
export function formEncoded(value: string): string {
  return new URLSearchParams({ '': value }).toString().slice(1);
}

/** Returns the values in every encoding in which they are sent, to search for them in responses. */
export function secretFormsOf(values: readonly string[]): string[] {
  return values.flatMap((value) => [value, formEncoded(value)]);
}

/** The service environment for which a token is requested. */
export interface ClientPlace {
  environment: string;
  origin: string;
  /**
   * The only origins that may receive the client's secret, unless the operator sets the token endpoint. @default any
   */
  secretOrigins?: readonly string[];
}

/** A credential whose value is an access token: the client's ID and secret, by key slot. */
export class ClientCredential {
  readonly rule: CredentialRule;
  readonly #id: Credential;
  readonly #secret: Credential;
  readonly #parts: OAuthClientParts;
  readonly #clients = new Map<string, OAuthClient>();

  private constructor(rule: CredentialRule, id: Credential, secret: Credential, parts: OAuthClientParts) {
    this.rule = rule;
    this.#id = id;
    this.#secret = secret;
    this.#parts = parts;
  }

  static read(
    env: Env,
    rule: CredentialRule,
    how: ClientCredentials,
    place: ClientPlace | undefined,
    problems: ProblemList,
  ): ClientCredential | undefined {
    const { formerly } = rule;
    const id = Credential.read(
      env,
      {
        ...rule,
        setting: how.clientIdSetting,
        ...(formerly !== undefined && { formerly: formerly.replace(/_SECRET$/, '_ID') }),
      },
      problems,
    );
    const secret = Credential.read(env, rule, problems);
    const tokenEndpoint = place && readTokenEndpoint(env, rule, how, place, problems);
    if (!id || !secret || !tokenEndpoint) return undefined;
    if (id.slots.length !== secret.slots.length || id.slots.some((slot) => !secret.slots.includes(slot))) {
      problems.add(
        how.clientIdSetting,
        `has the names ${id.slots.join(', ')}, and ${rule.setting} has ${secret.slots.join(', ')}; each name needs both.`,
      );
      return undefined;
    }
    const part = (name: 'scope' | 'audience'): string | undefined =>
      (how.settings?.[name] && readText(env, how.settings[name])) || how[name];
    const [scope, audience] = [part('scope'), part('audience')];
    return new ClientCredential(rule, id, secret, {
      tokenEndpoint,
      authMethod: how.authMethod ?? 'client_secret_basic',
      ...(scope !== undefined && { scope }),
      ...(audience !== undefined && { audience }),
      settings: settingsOf(rule),
      tokenName: `${rule.setting.replace(/_(?:CLIENT_)?SECRET$/, '')}_ACCESS_TOKEN`,
    });
  }

  /** Slot names in the order in which they were given. */
  get slots(): readonly string[] {
    return this.#secret.slots;
  }

  /** Every secret value in it. */
  get values(): readonly string[] {
    return secretFormsOf([...this.#id.values, ...this.#secret.values]);
  }

  /** Returns the client of this slot; the same object each time. */
  valueFor(given: string | undefined): OAuthClient {
    const slot = this.rule.slotField === undefined ? DEFAULT_SLOT : (given ?? DEFAULT_SLOT);
    let client = this.#clients.get(slot);
    if (!client) {
      const tokenName =
        slot === DEFAULT_SLOT
          ? this.#parts.tokenName
          : `${this.#parts.tokenName}_${slot.replaceAll('-', '_').toUpperCase()}`;
      client = new OAuthClient({ ...this.#parts, tokenName }, () => ({
        id: this.#id.valueFor(slot) ?? '',
        secret: this.#secret.valueFor(slot) ?? '',
      }));
      this.#clients.set(slot, client);
    }
    return client;
  }

  /** Reads the files again, if any; returns whether anything changed. */
  reload(): boolean {
    return [this.#id.reload(), this.#secret.reload()].includes(true);
  }
}

function readTokenEndpoint(
  env: Env,
  { setting }: CredentialRule,
  { tokenUrl, settings }: ClientCredentials,
  { environment, origin, secretOrigins }: ClientPlace,
  problems: ProblemList,
): BaseUrl | undefined {
  const defined = typeof tokenUrl === 'string' ? tokenUrl : (tokenUrl[environment] ?? '');
  const given = settings?.tokenUrl === undefined ? undefined : readText(env, settings.tokenUrl);
  const text = given ?? defined;
  const endpoint = parseTokenUrl(text.startsWith('/') ? origin + text : text);
  if (typeof endpoint !== 'string') {
    if (given !== undefined || (secretOrigins?.includes(endpoint.origin) ?? true)) return endpoint;
    problems.add(
      settings?.tokenUrl ?? setting,
      `is missing. The document sends the client's secret to ${endpoint.origin}, but the secret is bound to ${secretOrigins?.join(', ')}. Set it to ${text} if that is the provider's token endpoint.`,
    );
    return undefined;
  }
  if (given !== undefined) problems.add(settings?.tokenUrl ?? setting, endpoint);
  else problems.add(setting, `the tokenUrl that goes with it ${endpoint}`);
  return undefined;
}
