import { createHash } from 'node:crypto';
import type { AuthMethod } from '../tasks/client-credentials';
import type { BaseUrl } from './base-url';

/** What of a client is no secret. */
export interface OAuthClientParts {
  tokenEndpoint: BaseUrl;
  authMethod: AuthMethod;
  scope?: string;
  audience?: string;
  /** The settings that a person has to check when the client is refused. */
  settings: readonly string[];
  /** The variable by which a person would hold its access token, for requests that are shown. */
  tokenName: string;
}

/**
 * A client that gets access tokens by OAuth2 client credentials. Id and secret are read when they are used, since files
 * may be replaced, and are never enumerable.
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

  /** Two clients of the same key get the same tokens. It tells nothing of the secret. */
  get key(): string {
    const { tokenEndpoint, authMethod, scope = '', audience = '', id, secret } = this;
    return createHash('sha256')
      .update(JSON.stringify([tokenEndpoint.origin, tokenEndpoint.path, authMethod, scope, audience, id, secret]))
      .digest('hex');
  }
}

/** As a form and, by RFC 6749, Basic authentication with a client's secret write a value. */
export function formEncoded(value: string): string {
  return new URLSearchParams({ '': value }).toString().slice(1);
}

/** Id and secret in every way in which they are sent, to be searched for in what comes back. */
export function secretFormsOf(values: readonly string[]): string[] {
  return values.flatMap((value) => [value, formEncoded(value)]);
}
