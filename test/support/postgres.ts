import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { parsePostgresUrl } from 'temporal-http-tasks/internal/transport/postgres-url';
import type { PostgresTarget } from 'temporal-http-tasks/internal/transport/postgres-url';

/** The Postgres of this test run, started by jest's global set-up. */
export function postgresUrl(): string {
  const url = process.env['HTTP_TASKS_TEST_POSTGRES_URL'];
  if (url === undefined) throw new Error('HTTP_TASKS_TEST_POSTGRES_URL is not set: did the global set-up run?');
  return url;
}

/** Creates an empty database of its own for one test file and returns its `postgres://…` address. */
export async function freshPostgresUrl(): Promise<string> {
  return createDatabase(() => Promise.resolve(''));
}

/** Creates a copy of a database to which nothing is connected any more, and returns its address. */
export async function copyOfPostgres(url: string): Promise<string> {
  const original = new URL(url).pathname.slice(1);
  return createDatabase(async (client) => {
    const others = () =>
      client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [original]);
    for (let left = 1; left > 0;) left = (await others()).rows.length;
    return `TEMPLATE ${original}`;
  });
}

async function createDatabase(options: (client: Client) => Promise<string>): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  const client = new Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name} ${await options(client)}`);
  } finally {
    await client.end();
  }
  const url = new URL(postgresUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/** Takes the address of a test's database apart, as the ledger does. */
export function postgresTarget(url: string): PostgresTarget {
  const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed: false });
  if (typeof target === 'string') throw new Error(target);
  return target;
}
