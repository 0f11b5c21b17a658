import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AllowedPlaintext, FIXED_PLAINTEXT_ITEMS, isPlaintextItem } from '../transport/plaintext';
import type { PlaintextItem } from '../transport/plaintext';
import { parsePostgresUrl, passwordsInUrl } from '../transport/postgres-url';
import type { PostgresUrlUse } from '../transport/postgres-url';
import { ProblemList, readInteger, readList, readText, Secret } from './env';
import type { Env } from './env';
import { parseQuery } from './query-text';
import type { QueryDialect, QueryText } from './query-text';
import { SETTINGS } from './setting-table';

const SETTING = 'HTTP_TASKS_ALLOW_PLAINTEXT';

/** Reads `HTTP_TASKS_ALLOW_PLAINTEXT`; adds unknown items to `problems`. */
export function readPlaintext(env: Env, problems: ProblemList): AllowedPlaintext {
  const given = readList(env, SETTING);
  for (const item of given) {
    if (isPlaintextItem(item)) continue;
    problems.add(
      SETTING,
      `"${item}" is not valid; allowed: ${FIXED_PLAINTEXT_ITEMS.join(', ')}, and source.NAME for the source HTTP_TASKS_SOURCE_NAME_URL.`,
    );
  }
  return new AllowedPlaintext(given);
}

/** The ledger file of a worker without HTTP_TASKS_LEDGER_URL. */
export const DEFAULT_LEDGER_URL = SETTINGS.HTTP_TASKS_LEDGER_URL.default;
/** Minimum length of the subject key, in characters. */
export const MIN_SUBJECT_KEY_CHARACTERS = 16;

/** The settings of the ledger. The URL may be secret too, because it can contain a password. */
export class LedgerSettings {
  /** Whether a Postgres server beyond this machine may be used without TLS. */
  readonly plaintextAllowed: boolean;
  /** Where checkpoints of the log are exported; undefined for nowhere. */
  readonly sealExport: string | undefined;
  /** Days for which receipts are kept after the end of their sweep or run; undefined for as long as the ledger. */
  readonly receiptsDays: number | undefined;
  readonly #url: string;
  readonly #subjectKey: string;
  readonly #sealKey: string | undefined;

  constructor(
    url: string,
    subjectKey: string,
    more: {
      plaintextAllowed?: boolean;
      sealKey?: string | undefined;
      sealExport?: string | undefined;
      receiptsDays?: number | undefined;
    } = {},
  ) {
    this.#url = url;
    this.#subjectKey = subjectKey;
    this.#sealKey = more.sealKey;
    this.sealExport = more.sealExport;
    this.receiptsDays = more.receiptsDays;
    this.plaintextAllowed = more.plaintextAllowed ?? false;
  }

  /** `file:…` or `postgres://…`. */
  get url(): string {
    return this.#url;
  }

  /** The key with which IDs are hashed. */
  get subjectKey(): string {
    return this.#subjectKey;
  }

  /** The keys that sign checkpoints, as PEM; undefined while checkpoints are unsigned. */
  get sealKey(): string | undefined {
    return this.#sealKey;
  }

  secretValues(): string[] {
    return [
      this.#subjectKey,
      ...(this.#sealKey === undefined ? [] : [this.#sealKey, ...sealKeyLines(this.#sealKey)]),
      ...passwordsInUrl(this.#url),
    ];
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
  const sealKey = Secret.read(env, 'HTTP_TASKS_SEAL_KEY', problems, { required: false });
  const sealExport = readText(env, 'HTTP_TASKS_SEAL_EXPORT');
  const receiptsDays = readInteger(env, 'HTTP_TASKS_RECEIPTS_DAYS', problems);
  const more = { plaintextAllowed, sealKey: sealKey?.value, sealExport, receiptsDays };
  return key && new LedgerSettings(url?.value ?? DEFAULT_LEDGER_URL, key.value, more);
}

/** Returns the lines of PEM text that contain the keys, each of which is secret by itself. */
function sealKeyLines(pem: string): string[] {
  return pem.split(/\s+/).filter((line) => line.length > 40);
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

const PREFIX = 'HTTP_TASKS_SOURCE_';
const NAME = /^HTTP_TASKS_SOURCE_([A-Z][A-Z0-9_]*?)_(?:URL|QUERY)(?:_FILE)?$/;

/** A query that the operator configured; a sweep's input can only name it. */
export class NamedQuery {
  /** As written in the settings: `CLOSED_ACCOUNTS`. */
  readonly name: string;
  readonly dialect: QueryDialect;
  readonly text: QueryText;
  /** Whether its Postgres server beyond this machine may be used without TLS. */
  readonly plaintextAllowed: boolean;
  readonly #url: string;

  constructor(name: string, url: string, text: QueryText, plaintextAllowed: boolean) {
    this.name = name;
    this.dialect = dialectOf(url);
    this.text = text;
    this.plaintextAllowed = plaintextAllowed;
    this.#url = url;
  }

  /** URL of the database. It may contain a password: never log or return it. */
  get url(): string {
    return this.#url;
  }

  /** Its name in HTTP_TASKS_ALLOW_PLAINTEXT. */
  get item(): PlaintextItem {
    return itemOf(this.name);
  }

  /** The setting that contains the query, for messages. */
  get setting(): string {
    return `${PREFIX}${this.name}_QUERY`;
  }
}

/** What sources are allowed to read. */
export class SourceSettings {
  /** The only folder from which a workflow's input may name files; undefined allows none. */
  readonly folder: string | undefined;
  readonly #queries: ReadonlyMap<string, NamedQuery>;

  constructor(folder: string | undefined, queries: ReadonlyMap<string, NamedQuery>) {
    this.folder = folder;
    this.#queries = queries;
  }

  /** The query names as written in a source. */
  get queryNames(): readonly string[] {
    return [...this.#queries.keys()].map((name) => name.toLowerCase());
  }

  /** Returns the query of this name, ignoring case; `-` and `_` are the same. */
  query(name: string): NamedQuery | undefined {
    return this.#queries.get(name.toUpperCase().replaceAll('-', '_'));
  }

  /** Returns database passwords, to search for them in what leaves the process. */
  secretValues(): string[] {
    return [...this.#queries.values()].flatMap(({ url }) => passwordsInUrl(url));
  }
}

/**
 * Reads `HTTP_TASKS_SOURCE_DIR` and every `HTTP_TASKS_SOURCE_<NAME>_URL` with its `_QUERY` (or the files that the names
 * with `_FILE` name), and nothing else.
 *
 * @throws SettingsError that lists every problem.
 */
export function readSourceSettings(env: Env): SourceSettings {
  const problems = new ProblemList();
  return problems.finish(readSources(env, problems));
}

/** Reads the settings of sources; adds invalid ones to `problems`. */
export function readSources(env: Env, problems: ProblemList): SourceSettings {
  const queries = new Map<string, NamedQuery>();
  const plaintext = readPlaintext(env, new ProblemList());
  const names = namesIn(env);
  for (const item of plaintext.items) {
    if (!item.startsWith('source.') || names.some((name) => itemOf(name) === item)) continue;
    problems.add(
      'HTTP_TASKS_ALLOW_PLAINTEXT',
      `"${item}" is not a configured source; configured: ${names.map(itemOf).join(', ') || 'none'}.`,
    );
  }
  for (const name of names) {
    const query = readQuery(env, name, plaintext, problems);
    if (query) queries.set(name, query);
  }
  return new SourceSettings(readText(env, 'HTTP_TASKS_SOURCE_DIR'), queries);
}

function namesIn(env: Env): string[] {
  const names = Object.entries(env).flatMap(([setting, value]) => (value ? (NAME.exec(setting)?.[1] ?? []) : []));
  return [...new Set(names)].sort();
}

function itemOf(name: string): PlaintextItem {
  return `source.${name.toLowerCase()}`;
}

function readQuery(env: Env, name: string, plaintext: AllowedPlaintext, problems: ProblemList): NamedQuery | undefined {
  const use = { item: itemOf(name), plaintextAllowed: plaintext.allows(itemOf(name)) };
  const setting = `${PREFIX}${name}_QUERY`;
  const url = Secret.read(env, `${PREFIX}${name}_URL`, problems, {
    required: true,
    check: (given) => whyNotUrl(given, use),
  });
  const query = Secret.read(env, setting, problems, { required: true });
  if (!url || !query) return undefined;
  const text = parseQuery(query.value, dialectOf(url.value));
  if (typeof text !== 'string') return new NamedQuery(name, url.value, text, use.plaintextAllowed);
  problems.add(setting, text);
  return undefined;
}

function dialectOf(url: string): QueryDialect {
  return url.startsWith('file:') ? 'libsql' : 'postgres';
}

function whyNotUrl(text: string, use: PostgresUrlUse): string | undefined {
  if (/^file:./.test(text))
    return databaseFile(text) === undefined ? 'must be file:PATH, or file:///PATH without a host.' : undefined;
  if (!/^postgres(?:ql)?:\/\/./.test(text)) return 'must begin with file: or postgres://.';
  const target = parsePostgresUrl(text, use);
  return typeof target === 'string' ? target : undefined;
}

/** Returns the path in a `file:` URL; undefined if there is none. */
export function databaseFile(url: string): string | undefined {
  const rest = url.slice('file:'.length);
  try {
    return path.resolve(rest.startsWith('//') ? fileURLToPath(url) : rest);
  } catch {
    return undefined;
  }
}
