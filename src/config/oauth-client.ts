import { createHash } from 'node:crypto';
import type { AuthMethod } from '../tasks/client-credentials';
import type { BaseUrl } from './base-url';

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
