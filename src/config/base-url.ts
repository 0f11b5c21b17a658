import { isLoopback, whyAmbiguousUrl } from '../transport/url-text';

export { isLoopback };

/** The address of a service, split into what a connection and a request line need. */
export interface BaseUrl {
  /** Scheme, host and port. */
  origin: string;
  /** Prefix of every route: empty, or starts with a slash and does not end with one. */
  path: string;
}

/** Parses a base URL from a setting; returns what is wrong with it as a string, without repeating a user name in it. */
export function parseBaseUrl(text: string): BaseUrl | string {
  if (!URL.canParse(text)) return 'is not a URL; write for example https://api.example.com.';
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `begins with ${url.protocol}; it must be an https URL.`;
  if (url.username !== '' || url.password !== '') return 'contains a user name or a password; leave them out.';
  if (url.search !== '' || url.hash !== '') return 'contains a query or a fragment; leave it out.';
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    return `is http to ${url.hostname}, where keys would be sent in cleartext; use https. http is allowed only for this machine (localhost, 127.0.0.1, [::1]).`;
  }
  return { origin: url.origin, path: url.pathname.replace(/(?<!\/)\/+$/, '') };
}

/** Parses the URL of a token endpoint; returns what is wrong with it as a string. */
export function parseTokenUrl(text: string): BaseUrl | string {
  if (!URL.canParse(text)) return 'is not a URL; write for example https://login.example.com/oauth/token.';
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const url = new URL(text);
  const { search, hash } = url;
  if (hash !== '') return 'contains a fragment; leave it out.';
  // Some providers distinguish tenants by a query.
  url.search = '';
  const base = parseBaseUrl(url.href);
  return typeof base === 'string' ? base : { origin: base.origin, path: url.pathname + search };
}

/** Parses an origin such as `https://api.example.com:8443`; returns what is wrong with it as a string. */
export function parseOrigin(text: string): URL | string {
  const form = 'write scheme, host and port only, for example https://api.example.com.';
  if (!URL.canParse(text)) return `contains an entry that is not a URL; ${form}`;
  const ambiguous = whyAmbiguousUrl(text);
  if (ambiguous !== undefined) return ambiguous;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return `contains ${url.protocol}; only https and http are allowed.`;
  if (url.username !== '' || url.password !== '') return `contains an entry with a user name or a password; ${form}`;
  if (url.hostname.includes('*'))
    return 'contains a wildcard, which is allowed in HTTP_TASKS_HTTP_ALLOW only; name each host.';
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return `contains more than an origin for ${url.host}; ${form}`;
  return url;
}
