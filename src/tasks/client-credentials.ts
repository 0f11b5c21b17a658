/** How a client authenticates to the token endpoint, by the names of RFC 6749 and of OAuth's registry. */
export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post'] as const;

/** One of {@link AUTH_METHODS}. */
export type AuthMethod = (typeof AUTH_METHODS)[number];

/**
 * How to get an access token from a token endpoint by OAuth2 client credentials. The process keeps the token in memory,
 * fetches a new one before it expires, and never stores it.
 */
export interface ClientCredentials {
  /** The token endpoint: an https URL, or a path at the service's own origin (`/oauth/token`); by environment where they differ. */
  tokenUrl: string | Readonly<Record<string, string>>;
  /** The setting with the client's ID; `<setting>_FILE` may name a file instead. */
  clientIdSetting: string;
  /** @default client_secret_basic */
  authMethod?: AuthMethod;
  /** The requested scopes, separated by spaces. @default the provider's default */
  scope?: string;
  /** The audience of the token, for providers that require it. */
  audience?: string;
  /** Settings that replace these parts, for example `{ tokenUrl: 'TICKETS_TOKEN_URL' }`. */
  settings?: { tokenUrl?: string; scope?: string; audience?: string };
}

/** Returns why a credential cannot be such a token; undefined if it can. */
export function whyNotForToken(
  rule: { in: string; scheme?: string; bodyName?: string; clientCredentials?: ClientCredentials },
  environments: readonly string[],
): string | undefined {
  if (!rule.clientCredentials) return undefined;
  const { tokenUrl } = rule.clientCredentials;
  // A token in a URL gets into logs, and one in a body into the provider's data.
  if (rule.in !== 'header' || rule.bodyName !== undefined) return 'an access token can only be sent in a header';
  if (rule.scheme === 'basic') return 'an access token has no user and password; omit scheme, or use bearer';
  const missing = typeof tokenUrl === 'string' ? undefined : environments.find((name) => tokenUrl[name] === undefined);
  if (missing !== undefined) return `tokenUrl has no URL for the environment "${missing}"`;
  const wrong = (typeof tokenUrl === 'string' ? [tokenUrl] : Object.values(tokenUrl)).find(
    (url) => !/^(?:\/(?!\/)|https?:\/\/[^/?#]+(?:\/|$))[^#]*$/.test(url),
  );
  return wrong === undefined
    ? undefined
    : `tokenUrl "${wrong}" must be an http(s) URL without a fragment, or a path that begins with a slash`;
}
