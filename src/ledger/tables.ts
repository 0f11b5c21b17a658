import type { ColumnType, Generated, GeneratedAlways, Kysely } from 'kysely';
import type { Outcome } from '../policy/outcome';
import type { TaskFailureType } from '../tasks/failure';

/** Written as ISO text in UTC; Postgres gives it back as a Date. */
type Instant = ColumnType<string | Date, string, never>;

interface ReceiptsTable {
  id: GeneratedAlways<number>;
  workflow_id: string;
  run_id: string;
  activity_id: string;
  /** The position of the subject within its call, or of the step within its run's end; from 0. */
  seq: number;
  step: string;
  phase: 'intent' | 'outcome' | 'settled';
  round: Generated<number>;
  attempt: number;
  sweep_id: string | null;
  /** A keyed hash; empty for a call that is about nobody. */
  subject: string;
  task: string;
  service: string;
  environment: string;
  key_slot: string | null;
  outcome: Outcome | null;
  reason: string | null;
  failure_type: TaskFailureType | null;
  status: number | null;
  code: string | null;
  request_id: string | null;
  token: string | null;
  /** A JSON array of keyed hashes; null when the call did not look at items. */
  items: string | null;
  at: Instant;
}

interface CompensationLogTable {
  id: GeneratedAlways<number>;
  workflow_id: string;
  run_id: string;
  position: number;
  environment: string;
  subject: string;
  step: string;
  outcome: Outcome;
  remedy: string;
  evidence: string;
  at: Instant;
}

interface HoldsTable {
  hold_id: string;
  subject: string;
  reason: string | null;
  at: Instant;
}

interface LedgerMetaTable {
  name: string;
  value: string;
}

interface LedgerMigrationsTable {
  name: string;
  at: Instant;
}

/** The ledger's tables as both databases have them. */
export interface Tables {
  receipts: ReceiptsTable;
  compensation_log: CompensationLogTable;
  holds: HoldsTable;
  ledger_meta: LedgerMetaTable;
  ledger_migrations: LedgerMigrationsTable;
}

/** Which SQL the database speaks, where the two differ. */
export type LedgerDialect = 'libsql' | 'postgres';

/** An open database. */
export interface LedgerDatabase {
  db: Kysely<Tables>;
  dialect: LedgerDialect;
}
