import type { ColumnType, Generated, GeneratedAlways } from 'kysely';
import type { Outcome } from '../policy/outcome';
import type { TaskFailureType } from '../tasks/failure';
import type { Instant, LaterInstant, NoticesTable, RequestsTable } from './requests/request-tables';
import type { LeafKind } from './log/leaf-kind';

interface ReceiptsTable {
  id: GeneratedAlways<number>;
  workflow_id: string;
  run_id: string;
  activity_id: string;
  /** The position of the subject in its call, or of the step in its run's end, from 0. */
  seq: number;
  step: string;
  phase: 'intent' | 'outcome' | 'settled';
  round: Generated<number>;
  attempt: number;
  sweep_id: string | null;
  /** A keyed hash; empty for a call without a subject. */
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
  /** A JSON array of keyed hashes; null for a call that did not concern Items. */
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
  /** A JSON object of environments by service; null for a hold of 0.1.0, or if the caller did not give them. */
  environments: string | null;
  set_by: string | null;
}

interface HoldLogTable {
  id: GeneratedAlways<number>;
  hold_id: string;
  change: 'set' | 'extended' | 'lifted';
  /** Who changed it: a claim. */
  changed_by: string | null;
  /** Why it was changed. */
  why: string | null;
  /** Why the user is held. */
  reason: string | null;
  held_since: LaterInstant;
  environments: string | null;
  subjects: number;
  /** SHA-256 in hex over the sorted keyed hashes of the hold, one a line; null for an entry of an earlier version. */
  subjects_digest: string | null;
  at: Instant;
}

interface WorkerEnvironmentsTable {
  worker: string;
  service: string;
  identity: string;
  namespace: string;
  task_queue: string;
  environment: string;
  /** 0 or 1. */
  production: number;
  /** A JSON array. */
  key_slots: string;
  /** By the database's clock, like `seen_ms`. */
  started_ms: number;
  seen_ms: number;
  /** 1 after an orderly end. */
  ended: Generated<number>;
  /** A JSON array of the names of the worker's queries; null for a worker of an earlier version. */
  queries: string | null;
}

interface LedgerMetaTable {
  name: string;
  value: string;
}

interface LedgerMigrationsTable {
  name: string;
  at: Instant;
}

interface SweepsTable {
  number: GeneratedAlways<number>;
  sweep_id: string;
  redrive_of: string | null;
  claimed_by: string | null;
  /** 0 or 1: libSQL has no booleans. */
  skip_done: number;
  status: string;
  paused_because: string | null;
  /** The key of the users' IDs, itself encrypted; null after it was destroyed. */
  wrapped_key: string | null;
  /** The key that will replace it, while the IDs are being re-encrypted; see sweeps/rekey.ts. */
  next_wrapped_key: string | null;
  /** When the first key was replaced and destroyed. */
  rekeyed_at: LaterInstant;
  snapshot_version: Generated<number>;
  /** Encrypted. */
  snapshot_position: string | null;
  snapshot_complete: Generated<number>;
  total: Generated<number>;
  duplicates: Generated<number>;
  rejected: Generated<number>;
  /** JSON; null until rows were read, for a redrive, and for a sweep that was read before this column existed. */
  snapshot_report: string | null;
  last_fence: Generated<number>;
  closed_at: LaterInstant;
  merkle_root: string | null;
  leaves: number | null;
  created_at: Instant;
  ended_at: LaterInstant;
  /** Null while no user has a Plaid ID. */
  plaid_environment: string | null;
  /** JSON; null until a run has claimed the sweep, and for a sweep that was opened before this column existed. */
  plan: string | null;
  /** JSON: the steps that all users get; null for a sweep that was opened before this column existed. */
  steps_plan: string | null;
  /** A JSON object of environments by provider; null while no user has an ID, and before this column existed. */
  environments: string | null;
  max_users: number | null;
  needs_approval: number | null;
  approved_at: LaterInstant;
  approved_by: string | null;
  /** SHA-256 of the policy file of the worker that opened it, in hex; null without a policy. */
  policy_digest: string | null;
  /** SHA-256 over all rows of the snapshot, in hex; null unless the sweep needs a signed approval. */
  snapshot_digest: string | null;
  /** See sweeps/series.ts; null for a sweep that no Schedule started, and for one whose query does not use it. */
  series: string | null;
  /** The nominal time of the run. */
  scheduled_at: LaterInstant;
  /** The nominal time of the last earlier run that finished all users up to that time; null if there is none. */
  previous_at: LaterInstant;
  /** 1 when all users up to `scheduled_at` were done. */
  series_done: Generated<number>;
  /** What is sealed besides the receipts, as canonical JSON; null until then, and for a seal of an earlier version. */
  head: string | null;
  /** The root of the receipts alone; null when `merkle_root` is that root. */
  receipts_root: string | null;
  /** JSON: who asked for the sweep and why. */
  about: string | null;
  /** When its receipts were purged. */
  purged_at: LaterInstant;
}

interface RunAboutTable {
  workflow_id: string;
  run_id: string;
  /** JSON, like `sweeps.about`. */
  about: string;
}

interface LogQueueTable {
  id: GeneratedAlways<number>;
  kind: LeafKind;
  /** The row that the leaf is about. */
  ref: string;
  /** Canonical JSON; null when it is made from that row. */
  content: string | null;
}

interface LogLeavesTable {
  /** The place in the tree, from 0. */
  number: number;
  kind: LeafKind;
  /** The leaf hash in hex. */
  leaf: string;
  at: Instant;
}

interface LogContentsTable {
  number: number;
  kind: LeafKind;
  ref: string;
  content: string;
}

interface LogCheckpointsTable {
  id: GeneratedAlways<number>;
  size: number;
  /** In hex. */
  root: string;
  /** A signed note; without a signature while there is no seal key. */
  note: string;
  at: Instant;
}

interface LogStateTable {
  one: number;
  /** Identifies the log. */
  origin: string;
  size: number;
  /** A JSON array of hashes in hex; see policy/merkle-peaks.ts. */
  peaks: string;
  /** Receipts of running sweeps are in the log up to this row ID. */
  parts_id: ColumnType<number | string, number | undefined, number>;
  parts_at: LaterInstant;
}

/** Leaf hashes in base64url, in the order of the sweep's tree. */
type PurgedHashesTable = Record<'sweep' | 'part', number> & { hashes: string };

interface StopsTable {
  number: GeneratedAlways<number>;
  reason: string;
  set_by: string;
  at: Instant;
  lifted_by: string | null;
  lifted_at: LaterInstant;
}

interface SweepApprovalsTable {
  sweep_id: string;
  approver: string;
  /** Base64url. */
  signature: string;
  at: Instant;
}

interface PolicyDaysTable {
  /** A day in UTC: 2030-01-31. */
  day: string;
  users: number;
  adds: Generated<number>;
}

interface PolicyLogTable {
  id: GeneratedAlways<number>;
  namespace: string;
  task_queue: string;
  digest: string | null;
  rules: string | null;
  worker: string;
  at: Instant;
}

interface SweepChunksTable {
  sweep: number;
  chunk_id: string;
  fence: number;
  taken_by: string;
}

interface TargetsTable {
  sweep: number;
  seq: number;
  state: 'pending' | 'open' | 'bulk' | 'done';
  round: number;
  unsettled: number;
  fence: number | null;
  wave: number | null;
  worst: number | null;
  bulk_left: number;
  /** 1 if the row named Items, so that only those are removed. */
  some_items: number;
  /** The line of the source; null for rows of earlier versions and of sources without lines. */
  source_line: number | null;
  /** The reference, encrypted (see `SweepKeys`),, of rows of earlier versions. */
  reference: string | null;
  intent_at: LaterInstant;
  not_before: LaterInstant;
}

interface TargetIdsTable {
  sweep: number;
  seq: number;
  ids: string;
  subjects: string;
}

interface TargetProgressTable {
  sweep: number;
  seq: number;
  /** Encrypted. */
  progress: string;
  /** The step that a person has to do for the user. */
  waits_for: string | null;
  /** JSON: what a person reported about it. */
  report: string | null;
}

type TargetKeysTable = { sweep: number; key: string };

interface BulkQueueTable {
  sweep: number;
  app: string;
  seq: number;
  fence: number | null;
  wave: number | null;
  unsettled: number;
  intent_at: LaterInstant;
}

interface SealedLeavesTable {
  sweep: number;
  seq: number;
  /** A bigint in Postgres, returned as text. */
  receipt: ColumnType<number | string, number | string, never>;
  step: string;
  leaf: string;
}

interface SealedHashesTable {
  sweep: number;
  first_seq: number;
  last_seq: number;
  hashes: string;
  receipts: string;
}

interface RatesTable {
  service: string;
  key_slot: string;
  version: number;
  set_limit: number | null;
  state: string;
  /** The only process that may change the row until `turn_until_ms`, by the database's clock. */
  turn: string | null;
  turn_until_ms: number | null;
}

interface SweepRatesTable {
  sweep_id: string;
  service: string;
  key_slot: string;
  limit_per_minute: number;
  /** By the database's clock; 0 once the sweep has ended. */
  counts_until_ms: number;
}

/** The ledger's tables in both databases. */
export interface Tables {
  receipts: ReceiptsTable;
  compensation_log: CompensationLogTable;
  holds: HoldsTable;
  hold_log: HoldLogTable;
  sweeps: SweepsTable;
  sweep_chunks: SweepChunksTable;
  targets: TargetsTable;
  target_ids: TargetIdsTable;
  target_progress: TargetProgressTable;
  target_keys: TargetKeysTable;
  /** See `KnownKeys`. */
  target_key_blocks: { sweep: number; version: number; keys: string };
  target_key_pages: { sweep: number; page: number; keys: string };
  /** See `encryptedReferences`. */
  target_references: { sweep: number; first: number; names: string };
  bulk_queue: BulkQueueTable;
  sealed_leaves: SealedLeavesTable;
  sealed_hashes: SealedHashesTable;
  rates: RatesTable;
  sweep_rates: SweepRatesTable;
  worker_environments: WorkerEnvironmentsTable;
  stops: StopsTable;
  requests: RequestsTable;
  notices: NoticesTable;
  run_about: RunAboutTable;
  log_queue: LogQueueTable;
  log_leaves: LogLeavesTable;
  log_contents: LogContentsTable;
  log_checkpoints: LogCheckpointsTable;
  log_state: LogStateTable;
  purged_hashes: PurgedHashesTable;
  sweep_approvals: SweepApprovalsTable;
  policy_days: PolicyDaysTable;
  policy_log: PolicyLogTable;
  ledger_meta: LedgerMetaTable;
  ledger_migrations: LedgerMigrationsTable;
}

/** The names of the databases in which a ledger can be. Only migrations depend on it; see `Store`. */
export type LedgerDialect = 'libsql' | 'postgres';
