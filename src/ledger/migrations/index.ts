import { receiptsMigration } from './0001-receipts';
import { holdsMigration } from './0002-holds';
import { sweepsMigration } from './0003-sweeps';
import { sweepWritesMigration } from './0004-sweep-writes';
import { rateTurnsMigration } from './0005-rate-turns';
import { bulkOutcomesMigration } from './0006-bulk-outcomes';
import { snapshotEnvironmentMigration } from './0007-snapshot-environment';
import { guardsMigration } from './0008-guards';
import { holdEnvironmentsMigration } from './0010-hold-environments';
import { workerEnvironmentsMigration } from './0011-worker-environments';
import { erasureMigration } from './0012-erasure';
import { snapshotReportMigration } from './0013-snapshot-report';
import { schedulesMigration } from './0014-schedules';
import { sweepRatesMigration } from './0015-sweep-rates';
import { sweepStepsMigration } from './0016-sweep-steps';
import { logMigration } from './0017-log';
import { policyMigration } from './0018-policy';
import { rowLabelsMigration } from './0019-row-labels';
import { approvalsMigration } from './0020-approvals';
import { evidenceMigration } from './0022-evidence';
import type { Migration } from './migration';

/** Every migration, oldest first. New ones are appended. */
export const migrations: readonly Migration[] = [
  receiptsMigration,
  holdsMigration,
  sweepsMigration,
  sweepWritesMigration,
  rateTurnsMigration,
  bulkOutcomesMigration,
  snapshotEnvironmentMigration,
  guardsMigration,
  holdEnvironmentsMigration,
  workerEnvironmentsMigration,
  erasureMigration,
  snapshotReportMigration,
  schedulesMigration,
  sweepRatesMigration,
  sweepStepsMigration,
  logMigration,
  policyMigration,
  rowLabelsMigration,
  approvalsMigration,
  evidenceMigration,
];
