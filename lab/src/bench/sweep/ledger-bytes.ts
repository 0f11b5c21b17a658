import { statSync } from 'node:fs';
import Database from 'libsql';
import { Client } from 'pg';

/** Returns the size of a ledger in bytes, after the space of deleted rows was given back. */
export async function ledgerBytes(url: string): Promise<number> {
  if (url.startsWith('file:')) return fileBytes(url.slice('file:'.length));
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('vacuum full');
    const { rows } = await client.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
    return Number(rows[0]?.bytes);
  } finally {
    await client.end();
  }
}

function fileBytes(file: string): number {
  const database = new Database(file);
  try {
    database.exec('pragma busy_timeout = 10000; vacuum; pragma wal_checkpoint(truncate)');
  } finally {
    database.close();
  }
  return statSync(file).size;
}
