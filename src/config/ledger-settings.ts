import type { Env } from './env';
import { readPlaintext } from './plaintext';
import { parsePostgresUrl, passwordsInUrl } from '../transport/postgres-url';
import { ProblemList } from './problems';
import { Secret } from './secret';

/** The ledger file of a worker without HTTP_TASKS_LEDGER_URL. */
export const DEFAULT_LEDGER_URL = 'file:./http-tasks-ledger.db';
/** Minimum length of the subject key, in characters. */
export const MIN_SUBJECT_KEY_CHARACTERS = 16;

/** The settings of the ledger. The URL may be secret too, because it can contain a password. */
export class LedgerSettings {
  /** Whether a Postgres server beyond this machine may be used without TLS. */
  readonly plaintextAllowed: boolean;
  readonly #url: string;
  readonly #subjectKey: string;

  constructor(url: string, subjectKey: string, plaintextAllowed = false) {
    this.#url = url;
    this.#subjectKey = subjectKey;
    this.plaintextAllowed = plaintextAllowed;
  }

  /** `file:…` or `postgres://…`. */
  get url(): string {
    return this.#url;
  }

  /** The key with which IDs are hashed. */
  get subjectKey(): string {
    return this.#subjectKey;
  }

  secretValues(): string[] {
    return [this.#subjectKey, ...passwordsInUrl(this.#url)];
  }
}

/**
 * Reads the settings needed to open the ledger, and nothing else.
 *
 * @throws SettingsError that lists every problem.
 */
export function readLedgerSettings(env: Env): LedgerSettings {
  const problems = new ProblemList();
  return problems.finish(readLedger(env, problems));
}

/**
 * Reads the URL of the ledger, for commands that need no key; `url` is undefined if it is not set.
 *
 * @throws SettingsError if the URL is invalid.
 */
export function readLedgerUrl(env: Env): { url: string | undefined; plaintextAllowed: boolean } {
  const problems = new ProblemList();
  const plaintextAllowed = readPlaintext(env, problems).allows('ledger');
  const url = readUrl(env, plaintextAllowed, problems);
  return problems.finish({ url: url?.value, plaintextAllowed });
}

/** Reads the ledger's settings; if they are invalid, adds to `problems` and returns undefined. */
export function readLedger(env: Env, problems: ProblemList): LedgerSettings | undefined {
  const plaintextAllowed = readPlaintext(env, problems).allows('ledger');
  const url = readUrl(env, plaintextAllowed, problems);
  const key = Secret.read(env, 'HTTP_TASKS_SUBJECT_KEY', problems, {
    required: true,
    check: (text) =>
      text.length >= MIN_SUBJECT_KEY_CHARACTERS
        ? undefined
        : `has ${text.length} characters; at least ${MIN_SUBJECT_KEY_CHARACTERS} are required. Keep the key: IDs are hashed with it, and a ledger refuses any other key.`,
  });
  return key && new LedgerSettings(url?.value ?? DEFAULT_LEDGER_URL, key.value, plaintextAllowed);
}

function whyNotLedger(text: string, plaintextAllowed: boolean): string | undefined {
  if (/^file:./.test(text)) return undefined;
  if (!/^postgres(ql)?:\/\/./.test(text)) return 'must begin with file: or postgres://.';
  const target = parsePostgresUrl(text, { item: 'ledger', plaintextAllowed });
  return typeof target === 'string' ? target : undefined;
}

function readUrl(env: Env, plaintextAllowed: boolean, problems: ProblemList): Secret | undefined {
  return Secret.read(env, 'HTTP_TASKS_LEDGER_URL', problems, {
    required: false,
    check: (text) => whyNotLedger(text, plaintextAllowed),
  });
}
