import path from 'node:path';
import Database from 'libsql';
import { Client } from 'pg';
import { readSourceSettings } from 'temporal-http-tasks/internal/config/database-settings';
import { QuerySource } from 'temporal-http-tasks/internal/sources/query-source';
import { freshPostgresUrl } from '../support/postgres';
import { temporaryFolder } from './reading';

/** An empty database with users to be read. */
export interface TestDatabase {
  url: string;
  run: (...statements: string[]) => Promise<void>;
}

export async function freshPostgres(): Promise<TestDatabase> {
  const url = await freshPostgresUrl();
  return {
    url,
    run: async (...statements) => {
      const client = new Client({ connectionString: url });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
    },
  };
}

export function freshLibsql(): TestDatabase {
  const file = path.join(temporaryFolder(), 'source #1?%41.db');
  return {
    url: `file:${file}`,
    run: async (...statements) => {
      const database = new Database(file);
      for (const statement of statements) database.exec(statement);
      database.close();
    },
  };
}

/** A query that a worker has configured. */
export function source(url: string, query: string, scheduledTime?: string): QuerySource {
  const settings = readSourceSettings({ HTTP_TASKS_SOURCE_CLOSED_URL: url, HTTP_TASKS_SOURCE_CLOSED_QUERY: query });
  const named = settings.query('closed');
  if (!named) throw new Error('The query is not there.');
  return new QuerySource(named, { scheduledTime });
}
