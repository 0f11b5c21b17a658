import { sql } from 'kysely';
import type { Migration } from './migration';

/** Adds signed approvals of sweeps, and the digest of the users that they are about. */
export const approvalsMigration: Migration = {
  name: '0020-approvals',
  async up(transaction, dialect) {
    // SHA-256 in hex over all rows of the snapshot; null unless the sweep needs a signed approval.
    await transaction.schema.alterTable('sweeps').addColumn('snapshot_digest', 'text').execute();
    await transaction.schema
      .createTable('sweep_approvals')
      .addColumn('sweep_id', 'text', (column) => column.notNull())
      .addColumn('approver', 'text', (column) => column.notNull())
      .addColumn('signature', 'text', (column) => column.notNull())
      .addColumn('at', dialect === 'postgres' ? 'timestamptz' : 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('sweep_approvals_key', ['sweep_id', 'approver'])
      .execute();
    const statements =
      dialect === 'postgres'
        ? [
            `create trigger sweep_approvals_append_only before update or delete or truncate on sweep_approvals
              for each statement execute function ledger_append_only()`,
          ]
        : ['update', 'delete'].map(
            (change) => `create trigger sweep_approvals_no_${change} before ${change} on sweep_approvals
              begin select raise(abort, 'this table is append-only'); end`,
          );
    for (const statement of statements) await sql.raw(statement).execute(transaction);
  },
};
