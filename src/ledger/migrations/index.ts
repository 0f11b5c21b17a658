import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { queueStart } from './0022-evidence';
import type { LedgerDialect, Tables } from '../tables';

/** One step of the schema. Never changed after its release; there are no down migrations. */
export interface Migration {
  /** A number and a name, for example `0001-receipts`. */
  name: string;
  up(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void>;
}

/**
 * Returns the migration whose statements are in `migrations/NAME.sql` of each database's folder.
 *
 * @param then What SQL cannot do, after the statements.
 */
function sqlMigration(name: string, then?: (transaction: Transaction<Tables>) => Promise<void>): Migration {
  return {
    name,
    async up(transaction, dialect) {
      const file = path.join(__dirname, '..', dialect, 'migrations', `${name}.sql`);
      for (const statement of statementsIn(readFileSync(file, 'utf8'))) await sql.raw(statement).execute(transaction);
      await then?.(transaction);
    },
  };
}

/**
 * Splits an SQL file into its statements. Each ends with a semicolon at the end of a line before an empty line or the end of
 * the file, because the bodies of triggers contain semicolons too. Comments before a statement are removed, so that no
 * database stores them with it.
 */
export function statementsIn(text: string): string[] {
  return text
    .split(/;\n(?:\n|$)/)
    .map((part) => {
      const lines = part.split('\n');
      return lines.slice(lines.findIndex((line) => line !== '' && !line.startsWith('--'))).join('\n');
    })
    .filter((statement) => statement !== '');
}

/** Every migration, oldest first. New ones are appended. */
export const migrations: readonly Migration[] = [
  sqlMigration('0001-receipts'),
  sqlMigration('0002-holds'),
  sqlMigration('0003-sweeps'),
  sqlMigration('0004-sweep-writes'),
  sqlMigration('0005-rate-turns'),
  sqlMigration('0006-bulk-outcomes'),
  sqlMigration('0007-snapshot-environment'),
  sqlMigration('0008-guards'),
  sqlMigration('0010-hold-environments'),
  sqlMigration('0011-worker-environments'),
  sqlMigration('0012-erasure'),
  sqlMigration('0013-snapshot-report'),
  sqlMigration('0014-schedules'),
  sqlMigration('0015-sweep-rates'),
  sqlMigration('0016-sweep-steps'),
  // Names the log: its origin is random.
  sqlMigration('0017-log', async (transaction) => {
    const origin = `http-tasks.ledger/${randomBytes(12).toString('hex')}`;
    await sql`insert into log_state (one, origin, size, peaks) values (1, ${origin}, 0, '[]')`.execute(transaction);
  }),
  sqlMigration('0018-policy'),
  sqlMigration('0019-row-labels'),
  sqlMigration('0020-approvals'),
  sqlMigration('0022-evidence', queueStart),
  sqlMigration('0023-held-requests'),
  sqlMigration('0024-requests'),
  sqlMigration('0025-sealed-hashes'),
  sqlMigration('0026-snapshot-blocks'),
  sqlMigration('0027-block-texts'),
  sqlMigration('0028-key-pages'),
];
