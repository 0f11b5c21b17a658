import { existsSync } from 'node:fs';
import { Kysely, PostgresDialect } from 'kysely';
import type { HoldLedger } from './hold-ledger';
import { LedgerUnavailableError } from './ledger';
import type { Ledger } from './ledger';
import { tightenLedgerFiles } from './ledger-file';
import type { WideFile } from './ledger-file';
import { IN_MEMORY, parseLedgerUrl } from './ledger-url';
import type { LedgerAddress } from './ledger-url';
import { LibsqlDialect } from './libsql-dialect';
import { prepareLedger } from './migrate';
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

/** How long one call may take unless told otherwise. */
const DEADLINE_MS = 5_000;

/** How long bringing the schema up to date may take. */
const OPENING_DEADLINE_MS = 60_000;

/** How long opening waits for a lock of another process, which may be migrating: a process that starts should soon run or say why not. */
const OPENING_LOCK_WAIT_MS = 6_000;

/** Something about the ledger that an operator may want to see in a log; it holds no data. */
export type LedgerEvent =
  | { kind: 'migrated'; migrations: readonly string[] }
  /** libSQL only: others could read this file of the ledger; `tightened` unless another user owns it. */
  | ({ kind: 'wideFile' } & WideFile)
  /** libSQL only: the thread with the database ended; the next call starts another one. */
  | { kind: 'threadLost'; reason: string };

/** What a ledger needs to be opened. */
export interface LedgerOptions {
  /** `HTTP_TASKS_LEDGER_URL`: `file:PATH`, `file::memory:` (for tests), or `postgres://…`. */
  url: string;
  /** `HTTP_TASKS_SUBJECT_KEY`. The key itself is not stored. */
  subjectKey: string;
  onEvent?: (event: LedgerEvent) => void;
  /**
   * Whether a Postgres beyond this machine may do without TLS (`ledger` in HTTP_TASKS_ALLOW_PLAINTEXT).
   * @default false
   */
  plaintextAllowed?: boolean;
  /**
   * How long one call may take before it rejects with `LedgerUnavailableError`, in milliseconds.
   * @default 5000
   */
  deadlineMs?: number;
}

/** A ledger with everything in it: receipts and holds, sweeps, the rates that all calls share, and the workers that use it. */
export interface OpenedLedger extends Ledger {
  readonly holds: HoldLedger;
  readonly sweeps: SweepLedger;
  readonly rates: RateLedger;
  readonly workers: WorkerLedger;
}

/**
 * Opens the ledger: connects, brings the schema up to date (safe with any number of processes at once) and binds the
 * ledger to the subject key. A file is created when it is missing; its folder is not. May be repeated freely.
 *
 * @throws LedgerSettingError for a URL that cannot be used, a login that is refused, a key that is too short or is not
 * the one the ledger was first opened with, a ledger that a newer version wrote, and one of an older
 * version when this database user may not upgrade it.
 * @throws LedgerUnavailableError when the database cannot be reached or another process keeps it locked for six seconds.
 */
export async function openLedger(options: LedgerOptions): Promise<OpenedLedger> {
  const { fingerprint } = createSubjectHasher(options.subjectKey);
  const address = parseLedgerUrl(options.url, options.plaintextAllowed);
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  // An in-memory ledger is gone with its connection, so it is prepared over the one it keeps.
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
  if (keep) return overDatabase(opening, deadlineMs, options);
  await opening.db.destroy();
  return overDatabase(connect(address, { deadlineMs }, options), deadlineMs, options);
}

/**
 * Reads what the workers of a task queue recorded, and changes nothing: a ledger that is missing is not created, and one
 * of an older version is not upgraded under its workers.
 *
 * @returns An empty list also for a ledger of a version that recorded nothing.
 * @throws LedgerSettingError for a URL that cannot be used, and when there is no such file.
 * @throws LedgerUnavailableError when the database cannot be reached.
 */
export async function readWorkersOfLedger(options: ReadOptions, queue: WorkerQueue): Promise<RecordedEnvironment[]> {
  return (await readOnly(options, (database) => readWorkers(database, queue))) ?? [];
}

/**
 * Reads what limits the calls of sweeps, and the rates that one of them has or had, as {@link readWorkersOfLedger} does.
 *
 * @returns Nothing also for a ledger of a version that kept no rates of sweeps.
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

type ReadOptions = Pick<LedgerOptions, 'url' | 'plaintextAllowed' | 'deadlineMs'>;

/** Undefined when the ledger lacks a table. */
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

/** What the databases call a statement about a table or column that an older ledger does not have. */
const NO_SUCH_TABLE = new Set(['SQLITE_ERROR', '42P01', '42703']);

function overDatabase(database: LedgerDatabase, deadlineMs: number, { subjectKey }: LedgerOptions): OpenedLedger {
  const ledger = createSqlLedger(database, deadlineMs);
  let closed = false;
  const isClosed = () => closed;
  return {
    ...ledger,
    holds: createSqlHoldLedger(database, { deadlineMs, isClosed }),
    sweeps: createSqlSweepLedger(database, { subjectKey, deadlineMs, isClosed }),
    rates: createSqlRateLedger(database, { deadlineMs, isClosed }),
    workers: createSqlWorkerLedger(database, { deadlineMs, isClosed }),
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
        `another process has kept it locked for ${OPENING_LOCK_WAIT_MS / 1_000} s (${code}). If one brings it up to date, start this one again when that is done.`,
      );
    const advice = error instanceof PostgresRefusedError ? error.message : (ADVICE[code] ?? poolerAdvice(error));
    if (advice === undefined) throw error;
    throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${address.label}: ${advice}`);
  }
}

/** What the databases call a lock that was not to be had in time. */
const LOCKED = new Set(['SQLITE_BUSY', '55P03']);

function poolerAdvice(error: unknown): string | undefined {
  const refusal = protocolRefusal(error);
  return (
    refusal &&
    `the server, or a pooler before it, refused the connection (${refusal}). See "Behind a pooler" in docs/deployment.md.`
  );
}

/** Answers of the database that mean a wrong setting and not a passing trouble. */
const ADVICE: Readonly<Record<string, string>> = {
  SQLITE_CANTOPEN: 'the file cannot be opened or created. Its folder must exist and be writable for this user.',
  SQLITE_NOTADB: 'the file is not a database. Nothing was changed; name another file.',
  SQLITE_READONLY: 'the file cannot be written by this user.',
  '28P01': 'the database refused the user or the password (28P01).',
  '28000': 'the database refused the login (28000); check the user, and whether it demands TLS.',
  '3D000': 'the server has no database of this name (3D000); create it first.',
  '42501':
    'this database user may not read or write the tables of the ledger (42501). Give it the rights of a worker: deploy/postgres/roles.sql.',
};
