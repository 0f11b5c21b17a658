import type { HoldLedger } from './holds';
import type { LogLedger } from './log/log-ledger';
import { SealKeys } from './log/seal-key';
import { createSqlLogLedger } from './log/sql-log-ledger';
import { LedgerUnavailableError } from './ledger';
import type { Ledger, Stop } from './ledger';
import { prepareLedger, readSchemaState } from './migrate';
import type { RequestLedger } from './requests/request-ledger';
import { createSqlNoticeLedger } from './requests/notices';
import type { NoticeLedger } from './requests/notices';
import { createSqlRequestLedger } from './requests/sql-request-ledger';
import { LedgerSettingError, ALLOWED_LEDGER_URLS } from './setting-error';
import { LedgerStatementError, withinDeadline } from './sql-calls';
import { createSqlHoldLedger, createSqlLedger, listStops } from './sql-ledger';
import type { LedgerDatabase, StoreAddress, StoreEvent } from './store';
import { createSubjectHasher } from './subject';
import { readServicesOf } from './sweeps/environments';
import { countEach } from './sweeps/progress';
import type { SweepUsers } from './sweeps/progress';
import type { RateLedger, RateRow, SweepRate } from './sweeps/rate-ledger';
import { createSqlRateLedger, readRates } from './sweeps/sql-rate-ledger';
import { createSqlSweepLedger } from './sweeps/sql-sweep-ledger';
import { readSweepRates } from './sweeps/rate-ledger';
import type { SweepLedger } from './sweeps/sweep-ledger';
import { createSqlWorkerLedger, readWorkers } from './worker-environments';
import type { RecordedEnvironment, WorkerLedger, WorkerQueue } from './worker-environments';
import { libsqlStore } from './libsql/store';
import { postgresStore } from './postgres/store';

/** The databases in which a ledger can be. */
const STORES = [libsqlStore, postgresStore];

/** Default maximum duration of one call, in milliseconds. */
const DEADLINE_MS = 5_000;

/** Maximum duration of a schema upgrade, in milliseconds. */
const OPENING_DEADLINE_MS = 60_000;

/**
 * Maximum wait for another process's lock while opening, in milliseconds. Short, so that a starting process soon runs
 * or reports why not.
 */
const OPENING_LOCK_WAIT_MS = 5_000;

/** An event that an operator may want in a log. It contains no user data. */
export type LedgerEvent =
  | { kind: 'migrated'; migrations: readonly string[] }
  /** A checkpoint could not be exported; the worker tries again. */
  | { kind: 'notExported'; message: string }
  /** A notice could not be sent; the worker tries again. */
  | { kind: 'notNotified'; message: string }
  /** Receipts that have been kept long enough could not be deleted; the worker tries again in an hour. */
  | { kind: 'notPurged'; message: string }
  | StoreEvent;

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

/** An open ledger: receipts, holds, sweeps, shared rates, the workers that use it, the log of what is sealed, and the register. */
export interface OpenedLedger extends Ledger {
  readonly holds: HoldLedger;
  readonly sweeps: SweepLedger;
  readonly rates: RateLedger;
  readonly workers: WorkerLedger;
  readonly log: LogLedger;
  readonly requests: RequestLedger;
  readonly notices: NoticeLedger;
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
  const onEvent = (event: StoreEvent): void => options.onEvent?.(event);
  address.protect(onEvent);
  // An in-memory ledger is lost with its connection, so it is prepared over the connection that it keeps.
  const keep = address.inMemory;
  const opening = address.connect(
    keep ? { deadlineMs } : { deadlineMs: OPENING_DEADLINE_MS, lockWaitMs: OPENING_LOCK_WAIT_MS },
    onEvent,
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
  return overDatabase(address.connect({ deadlineMs }, onEvent), deadlineMs, { ...options, keys });
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
 * Reads the limits on the calls of sweeps, and the rates and services of one sweep, without changing anything (see
 * {@link readWorkersOfLedger}).
 *
 * @returns Empty lists also for a ledger of a version that did not store rates of sweeps.
 * @throws LedgerSettingError and LedgerUnavailableError as {@link readWorkersOfLedger}.
 */
export async function readLimitsOfLedger(
  options: ReadOptions,
  sweepId: string,
): Promise<{ rates: RateRow[]; own: SweepRate[]; services: string[] }> {
  const read = await readOnly(options, async (database) => ({
    rates: await readRates(database),
    own: await readSweepRates(database, sweepId),
    services: await readServicesOf(database, sweepId),
  }));
  return read ?? { rates: [], own: [], services: [] };
}

/**
 * Counts the users of sweeps without changing anything (see {@link readWorkersOfLedger}), by sweep ID; sweeps that the
 * ledger does not have are absent.
 *
 * @throws LedgerSettingError and LedgerUnavailableError as {@link readWorkersOfLedger}.
 */
export async function countUsersOfLedger(
  options: ReadOptions,
  sweepIds: readonly string[],
): Promise<ReadonlyMap<string, SweepUsers>> {
  return (await readOnly(options, (database) => countEach(database, sweepIds))) ?? new Map<string, SweepUsers>();
}

/**
 * Reads the emergency stops of a ledger without changing anything (see {@link readWorkersOfLedger}). Newest first; one
 * without `liftedAt` is in force.
 *
 * @throws LedgerSettingError and LedgerUnavailableError as {@link readWorkersOfLedger}.
 */
export async function readStopsOfLedger(options: ReadOptions): Promise<Stop[]> {
  return (await readOnly(options, listStops)) ?? [];
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
  if (!address.mayExist()) return undefined;
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
  if (!address.mayExist()) throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${address.label}: file not found.`);
  const database = address.connect({ deadlineMs }, () => undefined);
  try {
    return await withinDeadline(() => read(database), deadlineMs);
  } catch (error) {
    if (error instanceof LedgerStatementError && database.store.failures.isMissingTable(error.code)) return undefined;
    throw error;
  } finally {
    await database.db.destroy();
  }
}

function overDatabase(
  database: LedgerDatabase,
  deadlineMs: number,
  { subjectKey, keys }: LedgerOptions & { keys: SealKeys },
): OpenedLedger {
  const ledger = createSqlLedger(database, deadlineMs);
  let closed = false;
  const limits = { deadlineMs, isClosed: () => closed };
  return {
    ...ledger,
    holds: createSqlHoldLedger(database, limits),
    sweeps: createSqlSweepLedger(database, { subjectKey, sealKeys: keys, ...limits }),
    rates: createSqlRateLedger(database, limits),
    workers: createSqlWorkerLedger(database, limits),
    log: createSqlLogLedger(database, { keys, ...limits }),
    requests: createSqlRequestLedger(database, { subjectKey, ...limits }),
    notices: createSqlNoticeLedger(database, limits),
    close: () => {
      closed = true;
      return ledger.close();
    },
  };
}

async function prepare(database: LedgerDatabase, fingerprint: string, address: StoreAddress): Promise<string[]> {
  const { failures } = database.store;
  try {
    return await prepareLedger(database, fingerprint);
  } catch (error) {
    const code = failures.codeOf(error);
    if (code !== undefined && failures.isLocked(code))
      throw new LedgerUnavailableError(
        `another process has locked it for ${OPENING_LOCK_WAIT_MS / 1_000} s (${code}). If that process is migrating the ledger, start this one again afterwards.`,
      );
    const advice = failures.adviceFor(error);
    if (advice === undefined) throw error;
    throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${address.label}: ${advice}`);
  }
}

/**
 * Reads the value of `HTTP_TASKS_LEDGER_URL`.
 *
 * @param plaintextAllowed Whether a Postgres on another machine may be used without TLS.
 * @throws LedgerSettingError for another scheme, no path, or a URL that cannot be read. The message never contains the
 * value, because it may contain a password.
 */
function parseLedgerUrl(url: string, plaintextAllowed = false): StoreAddress {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  const store = STORES.find(({ schemes }) => scheme !== undefined && schemes.includes(scheme));
  if (store) return store.addressOf(url, plaintextAllowed);
  const given = scheme === undefined ? 'the value has no scheme' : `the scheme ${scheme}: is not supported`;
  throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `${given}. ${ALLOWED_LEDGER_URLS}`);
}
