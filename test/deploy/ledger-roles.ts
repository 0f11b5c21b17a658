import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';
import { prepareLedger } from 'temporal-http-tasks/internal/ledger/migrate';
import type { migrations } from 'temporal-http-tasks/internal/ledger/migrations/index';
import { postgresStore } from 'temporal-http-tasks/internal/ledger/postgres/store';
import { createSubjectHasher } from 'temporal-http-tasks/internal/ledger/subject';
import type { Tables } from 'temporal-http-tasks/internal/ledger/tables';
import { SUBJECT_KEY, runRaw } from '../ledger/databases';
import { postgresUrl } from '../support/postgres';
import { textOf } from './files';

const ROLES = ['http_tasks_migrate', 'http_tasks_worker', 'http_tasks_auditor'] as const;

/** A role of deploy/postgres/roles.sql. */
export type LedgerRole = (typeof ROLES)[number];

/** Locked while roles are changed: they belong to the whole server, and other test files use it at the same time. */
const ROLES_LOCK = 7_201;

/** Runs roles.sql in this database and sets the passwords. */
export async function applyRoles(url: string): Promise<void> {
  // Locks are of one database, so that this one is in a database that all tests share.
  const shared = new Client({ connectionString: postgresUrl() });
  await shared.connect();
  try {
    await shared.query('SELECT pg_advisory_lock($1)', [ROLES_LOCK]);
    await runRaw(url, textOf('deploy/postgres/roles.sql'));
    for (const role of ROLES) await runRaw(url, `ALTER ROLE ${role} PASSWORD 'password-of-${role}'`);
  } finally {
    await shared.end();
  }
}

/** The address of the same database for one of the roles. */
export function urlOfRole(url: string, role: LedgerRole): string {
  const own = new URL(url);
  own.username = role;
  own.password = `password-of-${role}`;
  return own.href;
}

/** Creates a ledger with these migrations only. */
export async function leaveOlderLedger(url: string, applied: typeof migrations): Promise<void> {
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }) });
  try {
    await prepareLedger({ store: postgresStore, db }, createSubjectHasher(SUBJECT_KEY).fingerprint, applied);
  } finally {
    await db.destroy();
  }
}
