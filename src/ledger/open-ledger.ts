import { existsSync } from 'node:fs';
import { Kysely, PostgresDialect } from 'kysely';
import type { HoldLedger } from './hold-ledger';
import type { LogLedger } from './log/log-ledger';
import { SealKeys } from './log/seal-key';
import { createSqlLogLedger } from './log/sql-log-ledger';
import { LedgerUnavailableError } from './ledger';
import type { Ledger } from './ledger';
import { tightenLedgerFiles } from './ledger-file';
import type { WideFile } from './ledger-file';
import { IN_MEMORY, parseLedgerUrl } from './ledger-url';
import type { LedgerAddress } from './ledger-url';
import { LibsqlDialect } from './libsql-dialect';
import { prepareLedger, readSchemaState } from './migrate';
import { PostgresRefusedError } from './postgres-client';
import { createPostgresPool } from './postgres-pool';
import { LedgerSettingError } from './setting-error';
import { LedgerStatementError, databaseCode, protocolRefusal } from './sql-failure';
import { createSqlHoldLedger } from './sql-hold-ledger';
import { createSqlLedger, withinDeadline } from './sql-ledger';
import { createSubjectHasher } from './subject';
import type { RateLedger, RateRow, SweepRate } from './sweeps/rate-ledger';
import { createSqlRateLedger, readRates } from './sweeps/sql-rate-ledger';
import { createSqlSweepLedger } from './sweeps/sql-sweep-ledger';
import { readSweepRates } from './sweeps/sweep-rates';
import type { SweepLedger } from './sweeps/sweep-ledger';
import type { LedgerDatabase, Tables } from './tables';
import { createSqlWorkerLedger, readWorkers } from './worker-environments';
import type { RecordedEnvironment, WorkerLedger, WorkerQueue } from './worker-environments';

/** Default maximum duration of one call, in milliseconds. */
const DEADLINE_MS = 5_000;

/** Maximum duration of a schema upgrade, in milliseconds. */
const OPENING_DEADLINE_MS = 60_000;

/**
 * Maximum wait for another process's lock while opening, in milliseconds. Short, so that a starting process soon runs
 * or reports why not.
 */
const OPENING_LOCK_WAIT_MS = 6_000;

/** An event that an operator may want in a log. It contains no user data. */
export type LedgerEvent =
  | { kind: 'migrated'; migrations: readonly string[] }
  /** libSQL only: other users could read this file of the ledger; `tightened` unless another user owns it. */
  | ({ kind: 'wideFile' } & WideFile)
  /** A checkpoint could not be exported; the worker tries again. */
  | { kind: 'notExported'; message: string }
  /** Receipts that have been kept long enough could not be deleted; the worker tries again in an hour. */
  | { kind: 'notPurged'; message: string }
  /** libSQL only: the database thread ended; the next call starts a new one. */
  | { kind: 'threadLost'; reason: string };

/** Options for opening a ledger. */
export interface LedgerOptions {
  /** `HTTP_TASKS_LEDGER_URL`: `file:PATH`, `file::memory:` (for tests), or `postgres://…`. */
  url: string;
  /** `HTTP_TASKS_SUBJECT_KEY`. The key itself is not stored. */
  subjectKey: string;
  onEvent?: (event: LedgerEvent) => void;
  /**
   * Whether a Postgres on another machine may be used without TLS (`ledger` in HTTP_TASKS_ALLOW_PLAINTEXT).
   * @default false
   */
  plaintextAllowed?: boolean;
  /**
   * Maximum duration of one call, after which it rejects with `LedgerUnavailableError`, in milliseconds.
   * @default 5000
   */
  deadlineMs?: number;
  /** `HTTP_TASKS_SEAL_KEY`: signs checkpoints of the log. @default unsigned */
  sealKey?: string | undefined;
}

/** An open ledger: receipts, holds, sweeps, shared rates, the workers that use it, and the log of what is sealed. */
export interface OpenedLedger extends Ledger {
  readonly holds: HoldLedger;
  readonly sweeps: SweepLedger;
  readonly rates: RateLedger;
  readonly workers: WorkerLedger;
  readonly log: LogLedger;
}

/**
 * Opens the ledger: connects, brings the schema up to date (safe with any number of concurrent processes) and binds the
 * ledger to the subject key. Creates a missing file, but not its folder. Idempotent.
 *
 * @throws LedgerSettingError for an unusable URL, a rejected login, a key that is too short or differs from the one the
 * ledger was first opened with, an unusable seal key, a ledger written by a newer version, and a ledger of an older version that this
 * database user may not upgrade.
 * @throws LedgerUnavailableError when the database cannot be reached or another process keeps it locked for six
 * seconds.
 */
export async function openLedger(options: LedgerOptions): Promise<OpenedLedger> {
  const { fingerprint } = createSubjectHasher(options.subjectKey);
  const keys = new SealKeys(options.sealKey);
  const address = parseLedgerUrl(options.url, options.plaintextAllowed);
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  // An in-memory ledger is lost with its connection, so it is prepared over the connection that it keeps.
  const keep = address.kind === 'libsql' && address.path === IN_MEMORY;
  if (address.kind === 'libsql' && !keep)
    for (const wide of tightenLedgerFiles(address.path)) options.onEvent?.({ kind: 'wideFile', ...wide });
  const opening = connect(
    address,
    keep ? { deadlineMs } : { deadlineMs: OPENING_DEADLINE_MS, lockWaitMs: OPENING_LOCK_WAIT_MS },
    options,
  );
  try {
    const ran = await withinDeadline(() => prepare(opening, fingerprint, address), OPENING_DEADLINE_MS);
    if (ran.length > 0) options.onEvent?.({ kind: 'migrated', migrations: ran });
  } catch (error) {
    await opening.db.destroy();
    if (!(error instanceof LedgerUnavailableError)) throw error;
    throw new LedgerUnavailableError(`HTTP_TASKS_LEDGER_URL (${address.label}): ${error.message}`);
  }
  if (keep) return overDatabase(opening, deadlineMs, { ...options, keys });
  await opening.db.destroy();
  return overDatabase(connect(address, { deadlineMs }, options), deadlineMs, { ...options, keys });
}

/**
 * Reads what the workers of a task queue recorded, without changing anything: a missing ledger is not created, and one
 * of an older version is not upgraded while its workers run.
 *
 * @returns Empty also for a ledger of a version that did not record workers.
 * @throws LedgerSettingError for an unusable URL or a missing file.
 * @throws LedgerUnavailableError when the database cannot be reached.
 */
export async function readWorkersOfLedger(options: ReadOptions, queue: WorkerQueue): Promise<RecordedEnvironment[]> {
  return (await readOnly(options, (database) => readWorkers(database, queue))) ?? [];
}

/**
 * Reads the limits on the calls of sweeps, and the rates of one sweep, without changing anything (see
 * {@link readWorkersOfLedger}).
 *
 * @returns Empty lists also for a ledger of a version that did not store rates of sweeps.
 * @throws LedgerSettingError and LedgerUnavailableError as {@link readWorkersOfLedger}.
 */
export async function readLimitsOfLedger(
  options: ReadOptions,
  sweepId: string,
): Promise<{ rates: RateRow[]; own: SweepRate[] }> {
  const read = await readOnly(options, async (database) => ({
    rates: await readRates(database),
    own: await readSweepRates(database, sweepId),
  }));
  return read ?? { rates: [], own: [] };
}

/** What a process of this version would meet in a ledger. */
export interface LedgerState {
  /** Migrations that the next process of this version runs. */
  missing: readonly string[];
  /** Migrations of a newer version, with which this one refuses to work. */
  unknown: readonly string[];
  /** Whether the subject key is the one of the ledger; absent for a ledger without a key so far. */
  keyFits?: boolean;
  /** Holds of version 0.1.0, which name no environment; see docs/holds.md. */
  oldHolds: number;
}

/**
 * Reads the state of a ledger without changing anything (see {@link readWorkersOfLedger}).
 *
 * @returns Undefined where there is no ledger yet.
 * @throws LedgerSettingError for an unusable URL or key, LedgerUnavailableError when the database cannot be reached.
 */
export async function readLedgerState(
  options: ReadOptions & Pick<LedgerOptions, 'subjectKey'>,
): Promise<LedgerState | undefined> {
  const { fingerprint } = createSubjectHasher(options.subjectKey);
  const address = parseLedgerUrl(options.url, options.plaintextAllowed);
  if (address.kind === 'libsql' && !existsSync(address.path)) return undefined;
  const found = await readOnly(options, (database) => readSchemaState(database, fingerprint));
  if (!found) return undefined;
  const oldHolds = await readOnly(options, countOldHolds);
  // Before holds had environments, each of them is an old one.
  return { ...found, oldHolds: oldHolds ?? (await readOnly(options, countAllHolds)) ?? 0 };
}

async function countOldHolds({ db }: LedgerDatabase): Promise<number> {
  const { holds } = await db
    .selectFrom('holds')
    .select((eb) => eb.fn.count<number | string>('hold_id').distinct().as('holds'))
    .where('environments', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(holds);
}

async function countAllHolds({ db }: LedgerDatabase): Promise<number> {
  const { holds } = await db
    .selectFrom('holds')
    .select((eb) => eb.fn.count<number | string>('hold_id').distinct().as('holds'))
    .executeTakeFirstOrThrow();
  return Number(holds);
}

type ReadOptions = Pick<LedgerOptions, 'url' | 'plaintextAllowed' | 'deadlineMs'>;

/** Returns undefined if the ledger lacks a table. */
async function readOnly<T>(
  { url, plaintextAllowed, deadlineMs = DEADLINE_MS }: ReadOptions,
  read: (database: LedgerDatabase) => Promise<T>,
): Promise<T | undefined> {
  const address = parseLedgerUrl(url, plaintextAllowed);
  if (address.kind === 'libsql' && !existsSync(address.path))
    throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${address.label}: file not found.`);
  const database = connect(address, { deadlineMs }, {});
  try {
    return await withinDeadline(() => read(database), deadlineMs);
  } catch (error) {
    if (error instanceof LedgerStatementError && NO_SUCH_TABLE.has(error.code)) return undefined;
    throw error;
  } finally {
    await database.db.destroy();
  }
}

/** Database codes for a statement about a missing table or column, as in an older ledger. */
const NO_SUCH_TABLE = new Set(['SQLITE_ERROR', '42P01', '42703']);

function overDatabase(
  database: LedgerDatabase,
  deadlineMs: number,
  { subjectKey, keys }: LedgerOptions & { keys: SealKeys },
): OpenedLedger {
  const ledger = createSqlLedger(database, deadlineMs);
  let closed = false;
  const isClosed = () => closed;
  return {
    ...ledger,
    holds: createSqlHoldLedger(database, { deadlineMs, isClosed }),
    sweeps: createSqlSweepLedger(database, { subjectKey, sealKeys: keys, deadlineMs, isClosed }),
    rates: createSqlRateLedger(database, { deadlineMs, isClosed }),
    workers: createSqlWorkerLedger(database, { deadlineMs, isClosed }),
    log: createSqlLogLedger(database, { deadlineMs, isClosed, keys }),
    close: () => {
      closed = true;
      return ledger.close();
    },
  };
}

function connect(
  address: LedgerAddress,
  limits: { deadlineMs: number; lockWaitMs?: number },
  options: Pick<LedgerOptions, 'onEvent'>,
): LedgerDatabase {
  if (address.kind === 'postgres') {
    const pool = createPostgresPool({ target: address.target, ...limits });
    return { dialect: 'postgres', db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }) };
  }
  const dialect = new LibsqlDialect({
    path: address.path,
    ...limits,
    onThreadLost: (reason) => options.onEvent?.({ kind: 'threadLost', reason }),
  });
  return { dialect: 'libsql', db: new Kysely<Tables>({ dialect }) };
}

async function prepare(database: LedgerDatabase, fingerprint: string, address: LedgerAddress): Promise<string[]> {
  try {
    return await prepareLedger(database, fingerprint);
  } catch (error) {
    const code = databaseCode(error) ?? '';
    if (LOCKED.has(code))
      throw new LedgerUnavailableError(
        `another process has locked it for ${OPENING_LOCK_WAIT_MS / 1_000} s (${code}). If that process is migrating the ledger, start this one again afterwards.`,
      );
    const advice = error instanceof PostgresRefusedError ? error.message : (ADVICE[code] ?? poolerAdvice(error));
    if (advice === undefined) throw error;
    throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${address.label}: ${advice}`);
  }
}

/** Database codes for a lock that was not available in time. */
const LOCKED = new Set(['SQLITE_BUSY', '55P03']);

function poolerAdvice(error: unknown): string | undefined {
  const refusal = protocolRefusal(error);
  return (
    refusal &&
    `the server, or a pooler in front of it, refused the connection (${refusal}). See "Behind a pooler" in docs/deployment.md.`
  );
}

/** Advice by database code, for errors caused by a wrong setting rather than a temporary problem. */
const ADVICE: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'the file cannot be opened or created. Its folder must exist and be writable for this user.',
  SQLITE_NOTADB: 'the file is not a database. Nothing was changed; name another file.',
  SQLITE_READONLY: 'the file is not writable for this user.',
  '28P01': 'the database refused the user or the password (28P01).',
  '28000': 'the database refused the login (28000); check the user and whether TLS is required.',
  '3D000': 'the database does not exist on the server (3D000); create it first.',
  '42501':
    'this database user may not read or write the tables of the ledger (42501). Grant it the permissions of a worker: deploy/postgres/roles.sql.',
};
