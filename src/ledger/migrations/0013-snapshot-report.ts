import { sql } from 'kysely';
import { replaceLibsqlRows } from './0004-sweep-writes-libsql';
import type { Migration } from './migration';

/**
 * Adds what is known about a sweep's source besides its numbers of rows: columns, the first rejected rows, warnings.
 * The statement that appends a block of rows also writes it, so that a resumed reading continues it.
 *
 * In Postgres the function with one argument less is kept for workers of the previous version.
 */
export const snapshotReportMigration: Migration = {
  name: '0013-snapshot-report',
  async up(transaction, dialect) {
    await transaction.schema.alterTable('sweeps').addColumn('snapshot_report', 'text').execute();
    if (dialect === 'libsql') await replaceLibsqlRows(transaction);
    else await sql.raw(REPORTED_ROWS).execute(transaction);
  },
};

const REPORTED_ROWS = `
  create function ledger_sweep_rows(p_sweep integer, p_version integer, p_rows jsonb, p_keys jsonb, p_position text,
    p_complete integer, p_duplicates integer, p_rejected integer, p_report text
  ) returns void language plpgsql volatile as $$
  begin
    perform ledger_sweep_rows(p_sweep, p_version, p_rows, p_keys, p_position, p_complete, p_duplicates, p_rejected);
    update sweeps set snapshot_report = coalesce(p_report, snapshot_report) where number = p_sweep;
  end $$`;
