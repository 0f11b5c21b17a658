import type { Env } from './env';
import { ProblemList } from './problems';
import { Secret } from './secret';

/** Ledger file of a worker that names no other. */
export const DEFAULT_LEDGER_URL = 'file:./http-tasks-ledger.db';
/** The shortest subject key that is taken, in characters. */
export const MIN_SUBJECT_KEY_CHARACTERS = 16;

/** What the ledger needs. Both may be secret: a database URL can hold a password. */
export class LedgerSettings {
  readonly #url: string;
  readonly #subjectKey: string;

  constructor(url: string, subjectKey: string) {
    this.#url = url;
    this.#subjectKey = subjectKey;
  }

  /** `file:…` or `postgres://…`. */
  get url(): string {
    return this.#url;
  }

  /** The key under which ids are hashed. */
  get subjectKey(): string {
    return this.#subjectKey;
  }

  secretValues(): string[] {
    // Everything between the user name's colon and the last @.
    const password = /^[^:]+:\/\/[^:@/]*:(.*)@/.exec(this.#url)?.[1] ?? '';
    return [this.#subjectKey, password].filter((value) => value !== '');
  }
}

/**
 * Reads what it takes to open the ledger, and nothing else.
 *
 * @throws SettingsError with every problem at once.
 */
export function readLedgerSettings(env: Env): LedgerSettings {
  const problems = new ProblemList();
  return problems.finish(readLedger(env, problems));
}

/**
 * Reads where the ledger is, for a command that needs no key; undefined when the setting is absent.
 *
 * @throws SettingsError when it cannot be used.
 */
export function readLedgerUrl(env: Env): string | undefined {
  const problems = new ProblemList();
  const url = readUrl(env, problems);
  problems.finish(true);
  return url?.value;
}

/** Reads the ledger's settings; adds to `problems` and answers undefined when they cannot be used. */
export function readLedger(env: Env, problems: ProblemList): LedgerSettings | undefined {
  const url = readUrl(env, problems);
  const key = Secret.read(env, 'HTTP_TASKS_SUBJECT_KEY', problems, {
    required: true,
    check: (text) =>
      text.length >= MIN_SUBJECT_KEY_CHARACTERS
        ? undefined
        : `has ${text.length} characters; at least ${MIN_SUBJECT_KEY_CHARACTERS} are needed. Keep it: ids are hashed under it, and a ledger refuses another key.`,
  });
  return key && new LedgerSettings(url?.value ?? DEFAULT_LEDGER_URL, key.value);
}

function readUrl(env: Env, problems: ProblemList): Secret | undefined {
  return Secret.read(env, 'HTTP_TASKS_LEDGER_URL', problems, {
    required: false,
    check: (text) => (/^(file:.|postgres(ql)?:\/\/.)/.test(text) ? undefined : 'must begin with file: or postgres://.'),
  });
}
