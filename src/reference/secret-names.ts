import { randomUUID } from 'node:crypto';
import { slotNamesIn } from '../config/credential';
import type { Env } from '../config/env';
import { namedClientsIn, settingsOfClient } from '../config/named-clients';
import { namedSecretsIn, settingOfNamedSecret } from '../config/named-secrets';
import type { OAuthClient } from '../config/oauth-client';
import { ProblemList } from '../config/problems';
import { Secret } from '../config/secret';
import { settingsOf } from '../tasks/service';
import type { CredentialRule, ServiceDefinition } from '../tasks/service';

/** A secret that stands in a shown request by the name of the variable that a person would hold it in. */
export interface NamedSecret {
  /** `PLAID_SECRET`; of several keys in one setting, `BATCH_API_KEYS_IOS`. */
  variable: string;
  /** What has to be made of the variable first: Basic authentication sends base64. */
  encoding?: 'base64';
}

/** A piece of a text: literal, or a secret by its name. */
export type TextPart = string | NamedSecret;

/**
 * Stand-ins for a service's secrets. A request that is prepared with them holds no secret at all, so that none can be
 * shown by mistake; afterwards each of them becomes the name of its variable.
 */
export class SecretNames {
  readonly #byStandIn = new Map<string, NamedSecret>();
  /** Nobody who fills in a form can know it. */
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

  /** The settings, with the stand-ins in the place of the secrets. */
  get env(): Env {
    return this.#env;
  }

  /** Stand-ins for the access tokens of these clients. */
  tokensOf(clients: readonly OAuthClient[]): ReadonlyMap<OAuthClient, string> {
    return new Map(clients.map((client) => [client, this.#standIn({ variable: client.tokenName })]));
  }

  /** The text taken apart into what is literal and what is a secret. */
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

  /** The text with `$NAME` in the place of each secret. */
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

  /** The names of the keys are no secret; one bare key has none. */
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

  /** Letters and digits only: whatever encodes it on its way into a URL or a body leaves it as it is. */
  #word(): string {
    return `S${this.#nonce}N${this.#byStandIn.size}E`;
  }
}
