import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import type { Transaction } from 'kysely';
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
export function sqlMigration(name: string, then?: (transaction: Transaction<Tables>) => Promise<void>): Migration {
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
