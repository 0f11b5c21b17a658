import type { Env } from './env';
import type { ProblemList } from './problems';
import { Secret } from './secret';
import { readSecretScope } from './secret-scope';
import type { SecretScope } from './secret-scope';

const PREFIX = 'HTTP_TASKS_SECRET_';
const NAME = /^HTTP_TASKS_SECRET_([A-Z0-9_]+?)(?:_FILE|_ORIGIN|_METHODS|_PATHS)?$/;
/**
 * Minimum length of a secret, in characters. Pieces and encodings of a shorter one cannot be distinguished from other
 * text in a response.
 */
const MIN_SECRET_CHARACTERS = 8;

/** A secret that `http.request` may put into a header as `{{secret:NAME}}`, for one origin only. */
export class NamedSecret {
  readonly name: string;
  /** Where it may be sent. */
  readonly scope: SecretScope;
  readonly #secret: Secret;

  constructor(name: string, scope: SecretScope, secret: Secret) {
    this.name = name;
    this.scope = scope;
    this.#secret = secret;
  }

  get value(): string {
    return this.#secret.value;
  }

  reload(): boolean {
    return this.#secret.reload();
  }
}

/** Reads every `HTTP_TASKS_SECRET_<NAME>` with its required `_ORIGIN` and its optional limits. */
export function readNamedSecrets(env: Env, problems: ProblemList): ReadonlyMap<string, NamedSecret> {
  const secrets = new Map<string, NamedSecret>();
  for (const name of namedSecretsIn(env)) {
    const setting = settingOfNamedSecret(name);
    const secret = Secret.read(env, setting, problems, { required: true, check: whyNotNamedSecret });
    const scope = readSecretScope(env, setting, problems);
    if (secret && scope) secrets.set(name, new NamedSecret(name, scope, secret));
  }
  return secrets;
}

/** Returns the names of the secrets that the settings contain. */
export function namedSecretsIn(env: Env): string[] {
  const names = new Set<string>();
  for (const [setting, value] of Object.entries(env)) {
    const name = NAME.exec(setting)?.[1];
    if (name !== undefined && value !== undefined && value !== '') names.add(name);
  }
  return [...names].sort();
}

/** Returns the setting that contains the secret of this name. */
export function settingOfNamedSecret(name: string): string {
  return `${PREFIX}${name}`;
}

function whyNotNamedSecret(text: string): string | undefined {
  if (text.length >= MIN_SECRET_CHARACTERS) return whyNotInHeader(text);
  return `has fewer than ${MIN_SECRET_CHARACTERS} characters; a secret that short can be guessed, and cannot be removed reliably from what a server echoes. Use a longer one.`;
}

/** Checks what a header cannot carry here, where the error can name the setting. */
export function whyNotInHeader(text: string): string | undefined {
  return /^[\x20-\x7e]+$/.test(text)
    ? undefined
    : 'contains a line break, a control character or a character outside ASCII, which a header cannot carry.';
}
