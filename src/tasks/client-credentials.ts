/** How a client proves who it is to the token endpoint, by the names of RFC 6749 and of OAuth's registry. */
export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post'] as const;

/** One of {@link AUTH_METHODS}. */
export type AuthMethod = (typeof AUTH_METHODS)[number];

/**
 * How an access token is got from a token endpoint by OAuth2 client credentials. The token is kept by the process,
 * fetched anew before it ends, and never written anywhere.
 */
export interface ClientCredentials {
  /** The token endpoint: an https URL, or a path at the service's own origin (`/oauth/token`); by environment where they differ. */
  tokenUrl: string | Readonly<Record<string, string>>;
  /** The setting that holds the client's id; `<setting>_FILE` may name a file instead. */
  clientIdSetting: string;
  /** @default client_secret_basic */
  authMethod?: AuthMethod;
  /** What the token is to be good for, separated by blanks. @default what the provider gives */
  scope?: string;
  /** Whom the token is for, where a provider wants to be told. */
  audience?: string;
  /** Settings that replace these parts, for example `{ tokenUrl: 'TICKETS_TOKEN_URL' }`. */
  settings?: { tokenUrl?: string; scope?: string; audience?: string };
}

/** What a credential whose value is such a token cannot be; undefined when all is well. */
export function whyNotForToken(
  rule: { in: string; scheme?: string; bodyName?: string; clientCredentials?: ClientCredentials },
  environments: readonly string[],
): string | undefined {
  if (!rule.clientCredentials) return undefined;
  const { tokenUrl } = rule.clientCredentials;
  // A token in a URL stands in logs, and one in a body in the provider's data.
  if (rule.in !== 'header' || rule.bodyName !== undefined) return 'an access token can only stand in a header';
  if (rule.scheme === 'basic') return 'an access token has no user and password; leave scheme out, or write bearer';
  const missing = typeof tokenUrl === 'string' ? undefined : environments.find((name) => tokenUrl[name] === undefined);
  if (missing !== undefined) return `tokenUrl names none for the environment "${missing}"`;
  const wrong = (typeof tokenUrl === 'string' ? [tokenUrl] : Object.values(tokenUrl)).find(
    (url) => !/^(?:\/(?!\/)|https?:\/\/[^/?#]+(?:\/|$))[^#]*$/.test(url),
  );
  return wrong === undefined
    ? undefined
    : `tokenUrl "${wrong}" must be an http(s) URL without a fragment, or a path that begins with a slash`;
}
