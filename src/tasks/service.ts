import type { TaskFailureType } from './failure';

/** How one credential is sent. The sender reads its value at send time; it is never input of a task. */
export interface CredentialRule {
  /** The setting with the value, for example `PLAID_SECRET`; `<setting>_FILE` may name a file instead. */
  setting: string;
  /** Where the value is sent. */
  in: 'header' | 'query' | 'cookie' | 'path' | 'body';
  /** The header, query parameter, cookie, `{placeholder}` or body field that takes the value. */
  name: string;
  /** For the header `authorization`: `Bearer` before the value, or `Basic` before the base64 of the value `user:password`. */
  scheme?: 'bearer' | 'basic';
  /** The body field that takes the value instead when the service's `placementSetting` says `body`. */
  bodyName?: string;
  /**
   * The setting has several named values (`ios=KEY,android=KEY`, or one bare value named `default`), and this field of
   * a task's input picks one. The name of such a value is its key slot.
   */
  slotField?: string;
  /**
   * The value is an access token that is obtained with these; `setting` then has the client's secret. Only for headers.
   */
  clientCredentials?: ClientCredentials;
  /**
   * An imported document suggests the setting: no value is read, and the service cannot be used, until the operator
   * names it.
   */
  unnamed?: true;
  /** The setting that version 0.1.0 read instead, for the message about a missing one. */
  formerly?: string;
}

/** Returns the settings with the parts of this credential. */
export function settingsOf({ setting, clientCredentials }: CredentialRule): string[] {
  return clientCredentials ? [clientCredentials.clientIdSetting, setting] : [setting];
}

/**
 * One row of a service's failure table: the meaning of a response with this status, type and code. The first match
 * applies.
 */
export interface ErrorRule {
  /** HTTP status; any when absent. */
  status?: number;
  /** The provider's error type; any when absent. */
  type?: string;
  /** The provider's error code; any when absent. */
  code?: string;
  failure: TaskFailureType;
  /**
   * The provider may have processed the request although it responds with this error: an irreversible task then fails
   * `Task.OutcomeUnknown` instead of `failure`.
   */
  mayHaveProcessed?: boolean;
  /** What to do about the failure, for the person who reads it. */
  advice?: string;
}

/** The form of a service's errors, and what each means. */
export interface ErrorTaxonomy {
  /** Names of the body fields with the error's type, code and the request's ID. */
  fields: { type?: string; code: string; requestId?: string };
  rules: readonly ErrorRule[];
}

/** A documented limit of a service. */
export interface RateLimit {
  /** The operation it is for; absent if the limit is for all calls under one key together. */
  operation?: string;
  requestsPerMinute: number;
  /** What the limit is counted over, for example `client`. */
  per: string;
  /** Where the provider documents it. */
  source: string;
}

/** What restricts the keys of a service that was imported from a document. */
export interface ImportedService {
  /** The name of the import. Operations with their own addresses are a service of their own, with the same import. */
  as: string;
  /** The only origins that get the service's keys, unless the operator sets the base URL: then only that one's origin. */
  origins: readonly string[];
  /** The setting with the operator's base URL, also for the services of operations that have other addresses. */
  baseUrlSetting?: string;
}

/** An HTTP API: base URLs, authentication, error mapping. Data only. */
export interface ServiceDefinition {
  name: string;
  title: string;
  docs: string;
  /** Base URL by environment, without a trailing slash. */
  environments: Readonly<Record<string, string>>;
  /** The default environment. Never production if the service has a sandbox; absent if one has to be named. */
  defaultEnvironment?: string;
  /** Environments with real users' data; a Test request there needs a confirmation. */
  productionEnvironments: readonly string[];
  /**
   * Whether the address that is called decides about production, as for every imported service: this machine never is,
   * and a base URL that the operator sets is unless it belongs to another environment.
   */
  productionByAddress?: boolean;
  /** The setting that names the environment. */
  environmentSetting?: string;
  /** The setting that replaces the base URL. */
  baseUrlSetting?: string;
  /** The setting that chooses `header` or `body` for credentials with a `bodyName`. */
  placementSetting?: string;
  /** Sent with every request. */
  headers: Readonly<Record<string, string>>;
  credentials: readonly CredentialRule[];
  rateLimits: readonly RateLimit[];
  errors: ErrorTaxonomy;
  /**
   * Set for a service from a document, which may be hostile: its keys are bound to origins, and its settings must be
   * its own.
   */
  imported?: ImportedService;
  /** Set for one of several accounts: its name, and the service of the default account (see {@link Accounts}). */
  account?: { readonly name: string; readonly of: ServiceDefinition };
}

/** The argument of {@link defineService}: a service whose empty parts may be left out. */
type ServiceInput = Omit<
  ServiceDefinition,
  'account' | 'headers' | 'credentials' | 'rateLimits' | 'productionEnvironments' | 'docs'
> &
  Partial<Pick<ServiceDefinition, 'headers' | 'credentials' | 'rateLimits' | 'productionEnvironments' | 'docs'>>;

const SERVICE_NAME = /^[a-z][a-zA-Z0-9]*$/;

/**
 * Defines a service: data that all tasks of the API share. Nothing is sent or read.
 *
 * @throws TypeError that names the field, when a name or URL is invalid.
 */
export function defineService<const Name extends string>(
  input: ServiceInput & { name: Name },
): ServiceDefinition & { name: Name } {
  if (!SERVICE_NAME.test(input.name)) {
    throw new TypeError(
      `defineService: name "${input.name}" must start with a lower-case letter and have letters and digits only.`,
    );
  }
  if (input.defaultEnvironment !== undefined && input.environments[input.defaultEnvironment] === undefined) {
    const known = Object.keys(input.environments).join(', ');
    throw new TypeError(
      `defineService(${input.name}): defaultEnvironment "${input.defaultEnvironment}" is unknown; allowed: ${known}.`,
    );
  }
  for (const [environment, url] of Object.entries(input.environments)) {
    if (!/^https?:\/\/[^/?#]+(\/[^?#]*[^/?#])?$/.test(url)) {
      throw new TypeError(
        `defineService(${input.name}): environments.${environment} must be an http(s) URL without a trailing slash, query or fragment.`,
      );
    }
  }
  for (const rule of input.credentials ?? []) {
    const wrong = whyNotForToken(rule, Object.keys(input.environments));
    if (wrong !== undefined)
      throw new TypeError(`defineService(${input.name}): credentials ${rule.setting}: ${wrong}.`);
  }
  return Object.freeze({
    headers: {},
    credentials: [],
    rateLimits: [],
    productionEnvironments: [],
    docs: '',
    ...input,
  });
}

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
