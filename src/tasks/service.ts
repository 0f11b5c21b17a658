import { whyNotForToken } from './client-credentials';
import type { ClientCredentials } from './client-credentials';
import type { TaskFailureType } from './failure';

/** How one credential gets into a request. Its value is read by the sender at send time and is never input of a task. */
export interface CredentialRule {
  /** The setting that holds the value, for example `PLAID_SECRET`; `<setting>_FILE` may name a file instead. */
  setting: string;
  /** Where the value goes. */
  in: 'header' | 'query' | 'cookie' | 'path' | 'body';
  /** The header, query parameter, cookie, `{placeholder}` or body field that takes the value. */
  name: string;
  /** For the header `authorization`: `Bearer` before the value, or `Basic` before the base64 of the value `user:password`. */
  scheme?: 'bearer' | 'basic';
  /** The body field that takes the value instead when the service's `placementSetting` says `body`. */
  bodyName?: string;
  /**
   * The setting holds several named values (`ios=KEY,android=KEY`, or one bare value named `default`), and this field
   * of a task's input picks one. The name of such a value is its key slot.
   */
  slotField?: string;
  /** The value is an access token got with these; `setting` then holds the client's secret. Only for headers. */
  clientCredentials?: ClientCredentials;
  /** Only an imported document suggests the setting: no value is read, and the service cannot be used, until the operator names it. */
  unnamed?: true;
  /** The setting that version 0.1.0 read instead, for the message about a missing one. */
  formerly?: string;
}

/** The settings that hold what this credential is made of. */
export function settingsOf({ setting, clientCredentials }: CredentialRule): string[] {
  return clientCredentials ? [clientCredentials.clientIdSetting, setting] : [setting];
}

/** One row of a service's failure table: what an answer with this status, type and code means. First match wins. */
export interface ErrorRule {
  /** HTTP status; any when absent. */
  status?: number;
  /** The provider's error type; any when absent. */
  type?: string;
  /** The provider's error code; any when absent. */
  code?: string;
  failure: TaskFailureType;
  /**
   * The provider may have carried the request out although it answers with this error: an irreversible task then
   * fails `Task.OutcomeUnknown` instead of `failure`.
   */
  mayHaveProcessed?: boolean;
  /** What the person who reads the failure should do. */
  advice?: string;
}

/** How a service words its errors, and what each means. */
export interface ErrorTaxonomy {
  /** Names of the body fields that carry the error's type, code and the request's id. */
  fields: { type?: string; code: string; requestId?: string };
  rules: readonly ErrorRule[];
}

/** A documented limit of a service. */
export interface RateLimit {
  /** The operation it is for; when absent, the limit holds for all calls under one key together. */
  operation?: string;
  requestsPerMinute: number;
  /** What the limit is counted over, for example `client`. */
  per: string;
  /** Where the provider says so. */
  source: string;
}

/** What limits the keys of a service that was imported from a document. */
export interface ImportedService {
  /** The name of the import. Operations with addresses of their own are a service of their own, with the same import. */
  as: string;
  /** The only origins that get the service's keys, unless the operator sets the base URL: then only that one's origin. */
  origins: readonly string[];
  /** The setting with the operator's base URL, also for the services of operations that have other addresses. */
  baseUrlSetting?: string;
}

/** An HTTP API: where it is, how one signs in, how it fails. Data only. */
export interface ServiceDefinition {
  name: string;
  title: string;
  docs: string;
  /** Base URL by environment, without a trailing slash. */
  environments: Readonly<Record<string, string>>;
  /** Used when none is named. Never production where the service has a sandbox; absent where one has to be named. */
  defaultEnvironment?: string;
  /** Environments that hold real people's data; a Test request there wants more than a click. */
  productionEnvironments: readonly string[];
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
  /** Set for a service made of a document that may be hostile: its keys are bound to origins, and its settings must be its own. */
  imported?: ImportedService;
  /** Set for one of several accounts: its name, and the service of the default account (see {@link Accounts}). */
  account?: { readonly name: string; readonly of: ServiceDefinition };
}

/** What {@link defineService} takes: a service whose empty parts may be left out. */
export type ServiceInput = Omit<
  ServiceDefinition,
  'account' | 'headers' | 'credentials' | 'rateLimits' | 'productionEnvironments' | 'docs'
> &
  Partial<Pick<ServiceDefinition, 'headers' | 'credentials' | 'rateLimits' | 'productionEnvironments' | 'docs'>>;

const SERVICE_NAME = /^[a-z][a-zA-Z0-9]*$/;

/**
 * Defines a service: data that every task of the API shares. Nothing is sent or read.
 *
 * @throws TypeError when a name or URL cannot work, with the field's name.
 */
export function defineService<const Name extends string>(
  input: ServiceInput & { name: Name },
): ServiceDefinition & { name: Name } {
  if (!SERVICE_NAME.test(input.name)) {
    throw new TypeError(
      `defineService: name "${input.name}" must start with a small letter and hold letters and digits only.`,
    );
  }
  if (input.defaultEnvironment !== undefined && input.environments[input.defaultEnvironment] === undefined) {
    const known = Object.keys(input.environments).join(', ');
    throw new TypeError(
      `defineService(${input.name}): defaultEnvironment "${input.defaultEnvironment}" is none of: ${known}.`,
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
