import { AUTH_METHODS } from '../tasks/client-credentials';
import type { AuthMethod } from '../tasks/client-credentials';
import { parseTokenUrl } from './base-url';
import type { BaseUrl } from './base-url';
import { readText } from './env';
import type { Env } from './env';
import { whyNotInHeader } from './named-secrets';
import { OAuthClient, secretFormsOf } from './oauth-client';
import type { ProblemList } from './problems';
import { Secret } from './secret';
import { readSecretScope } from './secret-scope';
import type { SecretScope } from './secret-scope';

const PREFIX = 'HTTP_TASKS_OAUTH_';
const NAME =
  /^HTTP_TASKS_OAUTH_([A-Z0-9_]+?)_(?:TOKEN_URL|CLIENT_ID|CLIENT_SECRET|SCOPE|AUDIENCE|AUTH_METHOD|ORIGIN|METHODS|PATHS)(?:_FILE)?$/;

/**
 * An OAuth client whose access token `http.request` may put into a header as `{{secret:NAME}}`, for one origin only.
 */
export class NamedClient {
  readonly name: string;
  /** Where its access token may be sent. */
  readonly scope: SecretScope;
  readonly client: OAuthClient;
  readonly #secrets: readonly Secret[];

  constructor(name: string, scope: SecretScope, client: OAuthClient, secrets: readonly Secret[]) {
    this.name = name;
    this.scope = scope;
    this.client = client;
    this.#secrets = secrets;
  }

  /** Returns ID and secret, to search for them in responses. */
  secretValues(): string[] {
    return secretFormsOf(this.#secrets.map(({ value }) => value));
  }

  reload(): boolean {
    return this.#secrets.map((secret) => secret.reload()).includes(true);
  }
}

/** Reads every client for which any `HTTP_TASKS_OAUTH_<NAME>_…` is set. */
export function readNamedClients(
  env: Env,
  taken: ReadonlySet<string>,
  problems: ProblemList,
): ReadonlyMap<string, NamedClient> {
  const clients = new Map<string, NamedClient>();
  for (const name of namedClientsIn(env)) {
    if (taken.has(name))
      problems.add(
        `${PREFIX}${name}_CLIENT_SECRET`,
        `has the same name as HTTP_TASKS_SECRET_${name}; {{secret:${name}}} can only mean one of them.`,
      );
    const client = readClient(env, name, problems);
    if (client) clients.set(name, client);
  }
  return clients;
}

/** Returns the names of the clients that the settings contain. */
export function namedClientsIn(env: Env): string[] {
  const names = Object.entries(env).flatMap(([setting, value]) => (value ? (NAME.exec(setting)?.[1] ?? []) : []));
  return [...new Set(names)].sort();
}

/** Returns the settings with the ID and the secret of the client of this name. */
export function settingsOfClient(name: string): string[] {
  return [`${PREFIX}${name}_CLIENT_ID`, `${PREFIX}${name}_CLIENT_SECRET`];
}

function readClient(env: Env, name: string, problems: ProblemList): NamedClient | undefined {
  const setting = `${PREFIX}${name}`;
  const [id, secret] = settingsOfClient(name).map((one) =>
    Secret.read(env, one, problems, { required: true, check: whyNotInHeader }),
  );
  const tokenEndpoint = readTokenEndpoint(env, `${setting}_TOKEN_URL`, problems);
  const authMethod = readAuthMethod(env, `${setting}_AUTH_METHOD`, problems);
  const allowed = readSecretScope(env, setting, problems);
  if (!id || !secret || !tokenEndpoint || !authMethod || !allowed) return undefined;
  const scope = readText(env, `${setting}_SCOPE`);
  const audience = readText(env, `${setting}_AUDIENCE`);
  const parts = {
    tokenEndpoint,
    authMethod,
    ...(scope !== undefined && { scope }),
    ...(audience !== undefined && { audience }),
    settings: settingsOfClient(name),
    tokenName: `${setting}_ACCESS_TOKEN`,
  };
  return new NamedClient(name, allowed, new OAuthClient(parts, () => ({ id: id.value, secret: secret.value })), [
    id,
    secret,
  ]);
}

function readTokenEndpoint(env: Env, setting: string, problems: ProblemList): BaseUrl | undefined {
  const given = readText(env, setting);
  const endpoint =
    given === undefined
      ? 'is missing; name the token endpoint, for example https://login.example.com/oauth/token.'
      : parseTokenUrl(given);
  if (typeof endpoint !== 'string') return endpoint;
  problems.add(setting, endpoint);
  return undefined;
}

function readAuthMethod(env: Env, setting: string, problems: ProblemList): AuthMethod | undefined {
  const given = readText(env, setting) ?? 'client_secret_basic';
  const method = AUTH_METHODS.find((name) => name === given);
  if (!method) problems.add(setting, `"${given}" is not valid; allowed: ${AUTH_METHODS.join(', ')}.`);
  return method;
}
