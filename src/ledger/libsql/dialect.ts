import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { CompiledQuery, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from 'kysely';
import { DeadlineMutex } from '../deadline-mutex';
import { LedgerUnavailableError } from '../ledger';
import { LibsqlFailure } from './failures';

/** Options of an embedded database. */
interface LibsqlDialectConfig {
  path: string;
  /** Maximum duration of one use of the connection, including the wait for it, in milliseconds. */
  deadlineMs: number;
  /**
   * Maximum wait for another process's lock within that time, in milliseconds.
   * @default deadlineMs
   */
  lockWaitMs?: number;
  /** Called when the thread is lost; the next use starts a new one. */
  onThreadLost?: (reason: string) => void;
  startThread?: StartThread;
}

/** Kysely over libSQL in a worker thread: one connection, used by one statement or transaction at a time. */
export class LibsqlDialect implements Dialect {
  readonly #config: LibsqlDialectConfig;

  constructor(config: LibsqlDialectConfig) {
    this.#config = config;
  }

  createDriver(): Driver {
    return new LibsqlDriver(this.#config);
  }

  createAdapter(): SqliteAdapter {
    return new SqliteAdapter();
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler();
  }

  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db);
  }
}

/**
 * What a statement begins with whose changes a power failure may take, with everything that was written after it and
 * nothing before: the first other statement that writes keeps both. In a transaction it has no effect.
 */
export const MAY_BE_LOST = '/* may be lost */ ';

class LibsqlConnection implements DatabaseConnection {
  constructor(
    readonly thread: LibsqlThread,
    private readonly expiresAt: number,
    private readonly lockWaitMs: number | undefined,
  ) {}

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes } = await this.thread.run(query.sql, query.parameters, this.expiresAt, this.lockWaitMs);
    return { rows: rows as R[], numAffectedRows: BigInt(changes) };
  }

  // Required by the interface; the ledger does not stream.
  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('The ledger does not stream from libSQL.');
  }
}

class LibsqlDriver implements Driver {
  readonly #config: LibsqlDialectConfig;
  readonly #mutex = new DeadlineMutex();
  #thread: LibsqlThread | undefined;

  constructor(config: LibsqlDialectConfig) {
    this.#config = config;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<LibsqlConnection> {
    const expiresAt = performance.now() + this.#config.deadlineMs;
    await this.#mutex.lock(this.#config.deadlineMs);
    // A connection is bound to its thread: if the thread is lost during a transaction, the remaining statements must
    // fail rather than run outside a transaction on the next thread.
    return new LibsqlConnection(this.#liveThread(), expiresAt, this.#config.lockWaitMs);
  }

  async releaseConnection(): Promise<void> {
    this.#mutex.unlock();
  }

  async beginTransaction(connection: LibsqlConnection): Promise<void> {
    // All transactions write. One that began as a reader could find its snapshot outdated at its first write.
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: LibsqlConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: LibsqlConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'));
    } catch {
      // The next statement must not run in this transaction. Kysely reports the error that caused the rollback.
      connection.thread.discard('a transaction could not be rolled back');
    }
  }

  async destroy(): Promise<void> {
    await this.#mutex.lock(this.#config.deadlineMs).catch(() => this.#thread?.discard('the ledger is closing'));
    await this.#thread?.close();
    this.#mutex.close();
  }

  #liveThread(): LibsqlThread {
    if (this.#thread === undefined || this.#thread.lost) {
      const start = this.#config.startThread ?? startThread;
      this.#thread = new LibsqlThread(this.#config.path, start, (reason) => this.#config.onThreadLost?.(reason));
    }
    return this.#thread;
  }
}

const startThread: StartThread = (data) => new Worker(path.join(__dirname, 'thread.js'), { workerData: data });

interface Pending {
  resolve: (response: { rows: unknown[]; changes: number }) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/**
 * Time between the end of a wait for a lock and the deadline, in milliseconds, so that the database's own error arrives
 * in time.
 */
const RESPONSE_MARGIN_MS = 500;
/** Starts the thread of a database. Tests pass their own function to access the worker. */
type StartThread = (data: LibsqlThreadData) => Worker;

/** A worker thread with one connection. Once lost it stays lost, and its owner starts a new one. */
class LibsqlThread {
  readonly #worker: Worker;
  readonly #stop: Int32Array;
  readonly #pending = new Map<number, Pending>();
  readonly #onLost: (reason: string) => void;
  #nextId = 1;
  #lost = false;

  constructor(path: string, start: StartThread, onLost: (reason: string) => void) {
    const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const worker = start({ path, stop });
    this.#worker = worker;
    this.#stop = new Int32Array(stop);
    this.#onLost = onLost;
    // Only a call in progress keeps the process alive.
    worker.unref();
    worker.on('message', (response: LibsqlResponse) => this.#settle(response));
    worker.on('error', () => this.#lose('the database thread failed'));
    worker.on('exit', () => this.#lose('the database thread ended'));
  }

  get lost(): boolean {
    return this.#lost;
  }

  /**
   * Runs one statement.
   *
   * @param expiresAt In milliseconds of `performance.now()`.
   * @param lockWaitMs Maximum wait for a lock, in milliseconds.
   */
  run(
    sql: string,
    parameters: readonly unknown[],
    expiresAt: number,
    lockWaitMs = Number.POSITIVE_INFINITY,
  ): Promise<{ rows: unknown[]; changes: number }> {
    const values = parameters.map(toLibsqlValue);
    return new Promise((resolve, reject) => {
      const leftMs = expiresAt - performance.now();
      if (this.#lost || leftMs <= 0) {
        reject(
          new LedgerUnavailableError(
            this.#lost ? 'The database thread was lost.' : 'The ledger did not respond in time.',
          ),
        );
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#lose('the database did not respond in time'), leftMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#worker.ref();
      const busyMs = Math.min(lockWaitMs, Math.max(0, leftMs - RESPONSE_MARGIN_MS));
      const mayBeLost = sql.startsWith(MAY_BE_LOST);
      this.#worker.postMessage(
        { id, sql, parameters: values, busyMs, mayBeLost } satisfies LibsqlRequest,
        values.flatMap((value) => (value instanceof Uint8Array ? [value.buffer] : [])),
      );
    });
  }

  /** Rejects the calls in progress and lets the thread end. Its connection rolls back what was not committed. */
  discard(reason: string): void {
    this.#lose(reason);
  }

  /** Closes the database and waits until the thread has ended. */
  async close(): Promise<void> {
    if (this.#lost) return;
    this.#lost = true;
    this.#worker.ref();
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    const lockTimer = setTimeout(() => this.#stopWaiting(), RESPONSE_MARGIN_MS);
    this.#worker.postMessage('close');
    await ended;
    clearTimeout(lockTimer);
  }

  #settle(response: LibsqlResponse): void {
    const pending = this.#pending.get(response.id);
    if (pending === undefined) return;
    this.#pending.delete(response.id);
    clearTimeout(pending.timer);
    if (this.#pending.size === 0) this.#worker.unref();
    if (response.failure === undefined) pending.resolve(response);
    else pending.reject(new LibsqlFailure(response.failure));
  }

  #lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new LedgerUnavailableError(`The ledger is unavailable: ${reason}.`));
    }
    this.#pending.clear();
    this.#worker.unref();
    this.#stopWaiting();
    this.#worker.postMessage('close');
    this.#onLost(reason);
  }

  /** Ends a wait for a lock. Terminating the thread would end the whole process if it is in a database call. */
  #stopWaiting(): void {
    Atomics.store(this.#stop, 0, 1);
    Atomics.notify(this.#stop, 0);
  }
}

function toLibsqlValue(value: unknown): LibsqlValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value === null)
    return value;
  if (isWholeBuffer(value)) return value;
  throw new TypeError(`libSQL cannot bind a parameter of type ${typeof value}.`);
}

/** Whether a value is bytes that can be given to another thread without others. */
function isWholeBuffer(value: unknown): value is Uint8Array<ArrayBuffer> {
  return (
    value instanceof Uint8Array && value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength
  );
}

/** Data that the main thread passes to the database thread at its start. */
export interface LibsqlThreadData {
  path: string;
  /**
   * One Int32; a value other than 0 makes the thread stop waiting for locks. The thread is never terminated, because
   * that would end the whole process if a call into the database is in progress.
   */
  stop: SharedArrayBuffer;
}

/** One statement to run. */
export interface LibsqlRequest {
  id: number;
  sql: string;
  parameters: readonly LibsqlValue[];
  /** Maximum wait for another process's lock, in milliseconds. */
  busyMs: number;
  /** See {@link MAY_BE_LOST}. */
  mayBeLost: boolean;
}

/**
 * What libSQL can bind; the bytes of a text of ASCII are given to the thread instead of copied. Anything else, even a
 * boolean, would end the whole process, so it is never sent to the thread.
 */
type LibsqlValue = string | number | bigint | null | Uint8Array<ArrayBuffer>;

/** The result of one statement. A failure contains only a code. */
export type LibsqlResponse =
  { id: number; rows: unknown[]; changes: number; failure?: never } | { id: number; failure: string };
