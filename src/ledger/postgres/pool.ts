import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import { DatabaseError, Pool } from 'pg';
import type { ClientBase, PoolClient, PoolConfig } from 'pg';
import type { PostgresTarget } from '../../transport/postgres-url';
import { clientConfig, GuardedClient, PostgresRefusedError } from './client';
import type { ConnectionLimits } from '../store';
import { unreachable } from './failures';

/**
 * Maximum number of connections: enough for the calls in flight of one worker, and few enough for many workers per
 * server.
 */
const MAX_CONNECTIONS = 10;

/** Maximum duration of connecting, in milliseconds. */
const CONNECT_DEADLINE_MS = 5_000;

/** The server's share of the deadline. It gives up earlier than the client, so that its own error says why. */
const SERVER_SHARE = 0.8;

/** A Postgres and its time limits. */
export interface PostgresPoolOptions extends ConnectionLimits {
  target: PostgresTarget;
}

/**
 * Creates a bounded pool in which nothing waits forever, and which never returns a connection that a timeout or a
 * broken socket has left in an unknown state. Modes:
 *
 * - direct: the initial mode. Each session has its timeouts from the start.
 * - pooled: entered permanently when a session turns out not to have them, because a pooler (for example PgBouncer in
 *   transaction mode) refuses or ignores them. Session settings could then belong to another client, so every statement
 *   runs in a transaction that sets them, which costs two more round trips for a single statement.
 */
export function createPostgresPool(options: PostgresPoolOptions): PostgresPool {
  const limits = limitsOf(options);
  const mode = { pooled: false };
  let pool = makePool(options, { ...limits }, mode);
  return {
    connect: async () => {
      const present = pool;
      const client = await present.connect().catch((error: unknown) => {
        // A concurrent use of the pool may already have switched modes and ended this one.
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
    max: MAX_CONNECTIONS,
    idleTimeoutMillis: 30_000,
    // An idle connection must not keep a finished process alive.
    allowExitOnIdle: true,
    // Opening a ledger waits longer for a busy server than for one that does not respond at all.
    connectionTimeoutMillis: Math.min(deadlineMs, CONNECT_DEADLINE_MS),
    query_timeout: deadlineMs,
    keepAlive: true,
    verify: (client, done) => void prepareSession(client, limits, mode).then(() => done(), done),
  };
  const pool = new Pool(config);
  // Both are raised when the server ends a connection that runs no statement. The next statement on it fails with the
  // error; without a listener the process would end.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** The SQLSTATE with which a pooler refuses, among others, session settings that it does not support. */
const PROTOCOL_VIOLATION = '08P01';

function refusesSession(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === PROTOCOL_VIOLATION;
}

function ignore(): void {}

/**
 * Checks whether a session is this client's own, and if so sets its isolation level. Recording an intent waits for a
 * hold that is being set and must then see it. Postgres' default isolation level allows that; a server or database may
 * be configured with a stricter one, which would hide the hold.
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

/**
 * Returns the statement that begins a transaction with the limits and isolation of an own session, in one round trip.
 */
function beginWith(limits: Limits): string {
  const settings = Object.entries(limits).map(([name, ms]) => `set local ${name} = ${ms}`);
  return ['begin isolation level read committed', ...settings].join('; ');
}

/** Rethrows the server's own errors; any other error means that the server is unreachable. */
function rethrow(error: unknown): never {
  throw error instanceof DatabaseError || error instanceof PostgresRefusedError ? error : unreachable(error);
}

class CheckedClient implements PostgresPoolClient {
  readonly #client: PoolClient;
  /** The statement that begins a transaction in pooled mode; undefined in direct mode. */
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
      // A connection whose transaction cannot be ended is unusable.
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
      // After an error from the server the connection is usable; after any other error a response may still arrive. A
      // pooler closes the connection when it refuses.
      if (!(error instanceof DatabaseError) || refusesSession(error)) this.#broken = true;
      return rethrow(error);
    }
  }

  release(): void {
    this.#client.release(this.#broken);
  }
}
