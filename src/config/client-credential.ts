import type { ClientCredentials } from '../tasks/client-credentials';
import { settingsOf } from '../tasks/service';
import type { CredentialRule } from '../tasks/service';
import { parseTokenUrl } from './base-url';
import type { BaseUrl } from './base-url';
import { Credential, DEFAULT_SLOT } from './credential';
import { readText } from './env';
import type { Env } from './env';
import { OAuthClient, secretFormsOf } from './oauth-client';
import type { OAuthClientParts } from './oauth-client';
import type { ProblemList } from './problems';

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
