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

/**
 * A bounded pool in which nothing waits for ever, and which never hands out a connection that a time-out or a broken
 * socket has left in an unknown state.
 */
export function createPostgresPool(options: { target: PostgresTarget; deadlineMs: number }): PostgresPool {
  const serverMs = Math.floor(options.deadlineMs * SERVER_SHARE);
  const config: PoolConfig = {
    ...clientConfig(options.target),
    Client: GuardedClient,
    application_name: options.target.applicationName ?? 'temporal-http-tasks',
    max: MOST_CONNECTIONS,
    idleTimeoutMillis: 30_000,
    // An idle connection must not keep a finished process alive.
    allowExitOnIdle: true,
    // A server that does not answer at all is not one that is busy: opening a ledger waits longer for the latter.
    connectionTimeoutMillis: Math.min(options.deadlineMs, CONNECT_DEADLINE_MS),
    query_timeout: options.deadlineMs,
    statement_timeout: serverMs,
    lock_timeout: serverMs,
    // A process that freezes inside a transaction loses it, and with it every lock.
    idle_in_transaction_session_timeout: serverMs,
    keepAlive: true,
    verify: (client, done) => void readCommitted(client).then(() => done(), done),
  };
  const pool = new Pool(config);
  // Both are raised when the server ends a connection that is not running a statement. The next statement on it
  // fails and says so; without a listener the process would end.
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return {
    connect: async () => new CheckedClient(await pool.connect().catch(rethrow)),
    end: () => pool.end(),
  };
}

function ignore(): void {}

/**
 * Recording an intent waits for a hold that is being set and then has to see it. Postgres' usual isolation allows that;
 * a server or a database may have been configured to use a stricter one, which would keep the hold out of sight.
 */
async function readCommitted(client: ClientBase): Promise<void> {
  await client.query("set default_transaction_isolation to 'read committed'");
}

/** An answer of the server stays; anything else is trouble on the way to it. */
function rethrow(error: unknown): never {
  throw error instanceof DatabaseError || error instanceof PostgresRefusedError ? error : unreachable(error);
}

class CheckedClient implements PostgresPoolClient {
  #broken = false;

  constructor(private readonly client: PoolClient) {}

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query(): never;
  async query<R>(sql?: unknown, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> {
    if (typeof sql !== 'string') throw new Error('The ledger does not stream from Postgres.');
    try {
      const { command, rowCount, rows } = await this.client.query(sql, [...parameters]);
      return { command: command as PostgresQueryResult<R>['command'], rowCount: rowCount ?? 0, rows: rows as R[] };
    } catch (error) {
      // A refusal by the server leaves a usable connection; anything else leaves an answer that may still arrive.
      if (!(error instanceof DatabaseError)) this.#broken = true;
      return rethrow(error);
    }
  }

  release(): void {
    this.client.release(this.#broken);
  }
}
