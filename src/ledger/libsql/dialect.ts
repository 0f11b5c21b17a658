import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { CompiledQuery, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from 'kysely';
import { DeadlineMutex } from '../deadline-mutex';
import { LibsqlThread } from './thread-host';
import type { StartThread } from './thread-host';

/** Options of an embedded database. */
export interface LibsqlDialectConfig {
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
