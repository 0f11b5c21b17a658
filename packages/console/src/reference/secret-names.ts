import { randomUUID } from 'node:crypto';
import { slotNamesIn } from 'temporal-http-tasks/internal/config/credential';
import type { Env } from 'temporal-http-tasks/internal/config/env';
import {
  namedClientsIn,
  namedSecretsIn,
  settingOfNamedSecret,
  settingsOfClient,
} from 'temporal-http-tasks/internal/config/named-secrets';
import type { OAuthClient } from 'temporal-http-tasks/internal/config/credential';
import { ProblemList, Secret } from 'temporal-http-tasks/internal/config/env';
import { settingsOf } from 'temporal-http-tasks/internal/tasks/service';
import type { CredentialRule, ServiceDefinition } from 'temporal-http-tasks/internal/tasks/service';

/** A secret that is shown by the name of its environment variable. */
export interface NamedSecret {
  /** `PLAID_SECRET`; with several keys in one setting, `BATCH_API_KEYS_IOS`. */
  variable: string;
  /** How the variable's value has to be encoded first: Basic authentication sends base64. */
  encoding?: 'base64';
}

/** A part of a text: literal, or the name of a secret. */
export type TextPart = string | NamedSecret;

/**
 * Placeholders for a service's secrets. A request prepared with them contains no secrets, so none can be shown by
 * mistake; afterwards each placeholder is replaced by the name of its variable.
 */
export class SecretNames {
  readonly #byStandIn = new Map<string, NamedSecret>();
  /** Unguessable, so that no input can contain a placeholder. */
  readonly #nonce = randomUUID().replaceAll('-', '');
  readonly #env: Record<string, string | undefined>;

  constructor(env: Env, service: ServiceDefinition) {
    this.#env = { ...env };
    for (const rule of service.credentials) {
      for (const setting of settingsOf(rule)) this.#replace(setting, this.#standInFor(env, { ...rule, setting }));
    }
    for (const setting of [
      ...namedSecretsIn(env).map(settingOfNamedSecret),
      ...namedClientsIn(env).flatMap(settingsOfClient),
    ])
      this.#replace(setting, this.#standIn({ variable: setting }));
  }

  /** The settings, with placeholders instead of the secrets. */
  get env(): Env {
    return this.#env;
  }

  /** Returns placeholders for the access tokens of these clients. */
  tokensOf(clients: readonly OAuthClient[]): ReadonlyMap<OAuthClient, string> {
    return new Map(clients.map((client) => [client, this.#standIn({ variable: client.tokenName })]));
  }

  /** Splits a text into literals and secrets. */
  partsOf(text: string): TextPart[] {
    if (this.#byStandIn.size === 0) return [text];
    const pattern = new RegExp(
      `(${[...this.#byStandIn.keys()].map((word) => word.replace(/[+/=]/g, '\\$&')).join('|')})`,
    );
    return text
      .split(pattern)
      .filter((piece) => piece !== '')
      .map((piece) => this.#byStandIn.get(piece) ?? piece);
  }

  /** Returns the text with `$NAME` in place of each secret. */
  shown(text: string): string {
    return this.partsOf(text)
      .map((part) => (typeof part === 'string' ? part : `$${part.variable}`))
      .join('');
  }

  #replace(setting: string, standIn: string): void {
    this.#env[setting] = standIn;
    delete this.#env[`${setting}_FILE`];
  }

  #standInFor(env: Env, rule: CredentialRule): string {
    if (rule.slotField !== undefined) return this.#slots(env, rule.setting);
    if (rule.scheme !== 'basic') return this.#standIn({ variable: rule.setting });
    const word = this.#word();
    const login = `${word}:${word}`;
    this.#byStandIn.set(Buffer.from(login).toString('base64'), { variable: rule.setting, encoding: 'base64' });
    return login;
  }

  /** Key names are not secret; a single key has none. */
  #slots(env: Env, setting: string): string {
    const names = slotNamesIn(Secret.read(env, setting, new ProblemList(), { required: false })?.value ?? '');
    if (names.length === 0) return this.#standIn({ variable: setting });
    const entries = names.map(
      (name) => `${name}=${this.#standIn({ variable: `${setting}_${name.replaceAll('-', '_').toUpperCase()}` })}`,
    );
    return entries.join(',');
  }

  #standIn(secret: NamedSecret): string {
    const word = this.#word();
    this.#byStandIn.set(word, secret);
    return word;
  }

  /** Letters and digits only, so that encoding it for a URL or a body does not change it. */
  #word(): string {
    return `S${this.#nonce}N${this.#byStandIn.size}E`;
  }
}
