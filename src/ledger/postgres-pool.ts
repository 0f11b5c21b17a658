import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import { DatabaseError, Pool } from 'pg';
import type { ClientBase, PoolClient, PoolConfig } from 'pg';
import type { PostgresTarget } from '../transport/postgres-url';
import { clientConfig, GuardedClient, PostgresRefusedError } from './postgres-client';
import { unreachable } from './sql-failure';

/** Enough for the calls in flight of one worker, and few enough for many workers on one server. */
const MOST_CONNECTIONS = 10;

/** How long making one connection may take at most, in milliseconds. */
const CONNECT_DEADLINE_MS = 5_000;

/** The server gives up a little earlier than this side, so that its own answer says why. */
const SERVER_SHARE = 0.8;

/** How to reach a Postgres, and how long things may take. */
export interface PostgresPoolOptions {
  target: PostgresTarget;
  /** The longest that one statement may take, in milliseconds. */
  deadlineMs: number;
  /**
   * The longest wait of a statement for a lock, in milliseconds.
   * @default a little less than deadlineMs
   */
  lockWaitMs?: number;
}

/**
 * A bounded pool in which nothing waits forever, and which never hands out a connection that a timeout or a broken
 * socket has left in an unknown state.
 *
 * - direct: at first. Each session has its timeouts from its first moment on.
 * - pooled: once a session turns out not to have them, because a pooler (PgBouncer in transaction mode, for example)
 *   refuses or ignores them. What was set for a session could then be another client's, so that every statement runs in
 *   a transaction that has them; that takes two more round trips for a statement by itself.
 */
export function createPostgresPool(options: PostgresPoolOptions): PostgresPool {
  const limits = limitsOf(options);
  const mode = { pooled: false };
  let pool = makePool(options, { ...limits }, mode);
  return {
    connect: async () => {
      const present = pool;
      const client = await present.connect().catch((error: unknown) => {
        // Another use of the pool may have found out meanwhile, and ended this one.
        if (pool === present) {
          if (mode.pooled || !refusesSession(error)) return rethrow(error);
          mode.pooled = true;
          pool = makePool(options, {}, mode);
          void present.end().catch(ignore);
        }
        return pool.connect().catch(rethrow);
      });
      return new CheckedClient(client, mode.pooled ? beginWith(limits) : undefined);
    },
    end: () => pool.end(),
  };
}

/** Settings of Postgres, in milliseconds. */
interface Limits {
  statement_timeout: number;
  lock_timeout: number;
  idle_in_transaction_session_timeout: number;
}

function limitsOf({ deadlineMs, lockWaitMs }: PostgresPoolOptions): Limits {
  const serverMs = Math.floor(deadlineMs * SERVER_SHARE);
  return {
    statement_timeout: serverMs,
    lock_timeout: Math.min(serverMs, lockWaitMs ?? serverMs),
    // A process that freezes inside a transaction loses it, and with it every lock.
    idle_in_transaction_session_timeout: serverMs,
  };
}

function makePool(
  { target, deadlineMs }: PostgresPoolOptions,
  limits: Partial<Limits>,
  mode: { pooled: boolean },
): Pool {
  const config: PoolConfig = {
    ...clientConfig(target),
    ...limits,
    Client: GuardedClient,
    application_name: target.applicationName ?? 'temporal-http-tasks',
    max: MOST_CONNECTIONS,
    idleTimeoutMillis: 30_000,
    // An idle connection must not keep a finished process alive.
    allowExitOnIdle: true,
    // A server that does not answer at all is not one that is busy: opening a ledger waits longer for the latter.
    connectionTimeoutMillis: Math.min(deadlineMs, CONNECT_DEADLINE_MS),
    query_timeout: deadlineMs,
    keepAlive: true,
    verify: (client, done) => void prepareSession(client, limits, mode).then(() => done(), done),
  };
  const pool = new Pool(config);
  // Both are raised when the server ends a connection that is not running a statement. The next statement on it
  // fails and says so; without a listener the process would end.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** What a pooler says to a setting of a session that it cannot keep, as to much else. */
const PROTOCOL_VIOLATION = '08P01';

function refusesSession(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === PROTOCOL_VIOLATION;
}

function ignore(): void {}

/**
 * Finds out whether a session is this client's own, and if so sets its isolation. Recording an intent waits for a hold
 * that is being set and then has to see it. Postgres' usual isolation allows that; a server or a database may have been
 * configured to use a stricter one, which would keep the hold out of sight.
 */
async function prepareSession(client: ClientBase, limits: Partial<Limits>, mode: { pooled: boolean }): Promise<void> {
  if (mode.pooled) return;
  const { rows } = await client.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name = any($1)',
    [Object.keys(limits)],
  );
  const has = new Map(rows.map(({ name, setting }) => [name, Number(setting)]));
  if (Object.entries(limits).some(([name, limit]) => has.get(name) !== limit)) mode.pooled = true;
  else await client.query("set default_transaction_isolation to 'read committed'");
}

/** Begins a transaction with the limits and the isolation that a session of its own would have; one round trip. */
function beginWith(limits: Limits): string {
  const settings = Object.entries(limits).map(([name, ms]) => `set local ${name} = ${ms}`);
  return ['begin isolation level read committed', ...settings].join('; ');
}

/** An answer of the server stays; anything else is trouble on the way to it. */
function rethrow(error: unknown): never {
  throw error instanceof DatabaseError || error instanceof PostgresRefusedError ? error : unreachable(error);
}

class CheckedClient implements PostgresPoolClient {
  readonly #client: PoolClient;
  /** How a transaction begins where a session keeps nothing; undefined where it does. */
  readonly #begin: string | undefined;
  #broken = false;
  #inTransaction = false;

  constructor(client: PoolClient, begin: string | undefined) {
    this.#client = client;
    this.#begin = begin;
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(): never;
  async query<R>(sql?: unknown, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> {
    if (typeof sql !== 'string') throw new Error('The ledger does not stream from Postgres.');
    if (this.#begin === undefined) return this.#run<R>(sql, parameters);
    if (sql === 'begin') {
      await this.#run(this.#begin, []);
      this.#inTransaction = true;
      return { command: 'BEGIN' as PostgresQueryResult<R>['command'], rowCount: 0, rows: [] };
    }
    if (sql === 'commit' || sql === 'rollback') this.#inTransaction = false;
    else if (!this.#inTransaction) return this.#alone<R>(this.#begin, sql, parameters);
    return this.#run<R>(sql, parameters);
  }

  /** Runs one statement in a transaction of its own. */
  async #alone<R>(begin: string, sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    await this.#run(begin, []);
    let result: PostgresQueryResult<R>;
    try {
      result = await this.#run<R>(sql, parameters);
    } catch (error) {
      // A connection whose transaction cannot be ended is of no use.
      if (!this.#broken) await this.#run('rollback', []).catch(() => (this.#broken = true));
      throw error;
    }
    await this.#run('commit', []);
    return result;
  }

  async #run<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      const { command, rowCount, rows } = await this.#client.query(sql, [...parameters]);
      return { command: command as PostgresQueryResult<R>['command'], rowCount: rowCount ?? 0, rows: rows as R[] };
    } catch (error) {
      // A refusal by the server leaves a usable connection; anything else leaves an answer that may still arrive. A pooler
      // that refuses closes it.
      if (!(error instanceof DatabaseError) || refusesSession(error)) this.#broken = true;
      return rethrow(error);
    }
  }

  release(): void {
    this.#client.release(this.#broken);
  }
}
