import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { queueStart } from './0022-evidence';
import { sqlMigration } from './migration';
import type { Migration } from './migration';

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
];
