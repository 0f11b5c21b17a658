import { isLoopback, parseOrigin } from './base-url';
import type { Env } from './env';
import { readText } from './env';
import type { ProblemList } from './problems';
import { Secret } from './secret';

const PREFIX = 'HTTP_TASKS_SECRET_';
const NAME = /^HTTP_TASKS_SECRET_([A-Z0-9_]+?)(?:_FILE|_ORIGIN)?$/;

/** A secret that `http.request` may put into a header as `{{secret:NAME}}`, for one origin only. */
export class NamedSecret {
  readonly name: string;
  readonly origin: string;
  readonly #secret: Secret;

  constructor(name: string, origin: string, secret: Secret) {
    this.name = name;
    this.origin = origin;
    this.#secret = secret;
  }

  get value(): string {
    return this.#secret.value;
  }

  reload(): boolean {
    return this.#secret.reload();
  }
}

/** Reads every `HTTP_TASKS_SECRET_<NAME>` with the `_ORIGIN` that it must have. */
export function readNamedSecrets(env: Env, problems: ProblemList): ReadonlyMap<string, NamedSecret> {
  const secrets = new Map<string, NamedSecret>();
  for (const name of namesIn(env)) {
    const setting = `${PREFIX}${name}`;
    const secret = Secret.read(env, setting, problems, { required: true, check: whyNotInHeader });
    const origin = readSecretOrigin(env, `${setting}_ORIGIN`, problems);
    if (secret && origin !== undefined) secrets.set(name, new NamedSecret(name, origin, secret));
  }
  return secrets;
}

function namesIn(env: Env): string[] {
  const names = new Set<string>();
  for (const [setting, value] of Object.entries(env)) {
    const name = NAME.exec(setting)?.[1];
    if (name !== undefined && value !== undefined && value !== '') names.add(name);
  }
  return [...names].sort();
}

/** The one origin that may get a secret. */
export function readSecretOrigin(env: Env, setting: string, problems: ProblemList): string | undefined {
  const given = readText(env, setting);
  if (given === undefined) {
    problems.add(setting, 'is missing; name the one origin that may get this secret, for example https://api.example.com.');
    return undefined;
  }
  const origin = parseOrigin(given);
  if (typeof origin === 'string') {
    problems.add(setting, origin);
    return undefined;
  }
  if (origin.protocol === 'http:' && !isLoopback(origin.hostname)) {
    problems.add(setting, `is http to ${origin.hostname}, where the secret would travel in clear; use https.`);
    return undefined;
  }
  return origin.origin;
}

/** What a header could not carry is refused where the setting can be named. */
export function whyNotInHeader(text: string): string | undefined {
  return /^[\x20-\x7e]+$/.test(text)
    ? undefined
    : 'holds a line break, a control character or one outside ASCII; a header cannot carry that.';
}
