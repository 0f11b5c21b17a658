import type { RequestFacts } from '../../policy/legal-clock';
import type { Outcome } from '../../policy/outcome';
import type { SnapshotReport } from '../../policy/snapshot-report';
import type { SweepStatus } from '../../policy/sweep-result';
import type { TargetUser } from '../../policy/target-reference';
import type { TaskFailureType } from '../../tasks/failure';
import type { DailyLimit, ReceiptOutcome } from '../ledger';

/** Decisions about a sweep that become final when a run claims it. */
export interface SweepTerms {
  /** How every user is offboarded, as JSON, which the ledger only stores. */
  plan: string;
  /** The steps that every user gets, as JSON; absent only in calls of earlier versions. */
  stepsPlan?: string;
  /** Whether no intent is recorded before an approval. */
  needsApproval: boolean;
  /** SHA-256 of the policy of the worker that opens it, in hex. @default no policy */
  policyDigest?: string | undefined;
  /** Maximum number of users; no intent is recorded for a sweep with more. */
  maxUsers: number;
  /** What is known about the request. @default nothing */
  about?: RequestFacts | undefined;
}

/** A sweep to create. */
export interface NewSweep {
  /** Identifies the sweep: the workflow's ID. No personal data. */
  sweepId: string;
  /** The sweep whose failed and unknown users this one retries. */
  redriveOf?: string;
  /**
   * Whether appended users whom an earlier run or sweep of this ledger offboarded successfully after their `closedAt`
   * are marked `skipped`; see `findDone`.
   * @default false
   */
  skipDone?: boolean;
  /** The run that claims it from the start, see `SweepLedger.claim`. @default unclaimed */
  claimedBy?: string;
  /** Required with `claimedBy`. */
  terms?: SweepTerms;
}

/** A sweep as stored in the ledger. */
export interface SweepRow {
  sweepId: string;
  redriveOf?: string;
  /** The run that claimed it; absent until then. */
  claimedBy?: string;
  /** See {@link SweepTerms}; absent until it is claimed, and for a sweep that 0.1.0 opened. */
  plan?: string;
  /** The steps that all users get, as JSON; absent for a sweep that an earlier version opened. */
  stepsPlan?: string;
  maxUsers?: number;
  /** SHA-256 of the policy of the worker that opened it, in hex; absent without a policy. */
  policyDigest?: string;
  /** SHA-256 over all rows of the snapshot, in hex; absent unless the sweep needs a signed approval. */
  snapshotDigest?: string;
  /** What is known about the request; absent when the input has nothing about it. */
  about?: RequestFacts;
  needsApproval: boolean;
  /** Who approved it: a claim. */
  approvedBy?: string;
  approvedAt?: string;
  skipDone: boolean;
  status: SweepStatus;
  pausedBecause?: string;
  /** Number of unique valid rows of its source. */
  total: number;
  duplicates: number;
  rejected: number;
  snapshotComplete: boolean;
  report?: SnapshotReport;
  /** The environments for which the users' IDs were hashed, by service; empty while no user has one. */
  environments: Readonly<Record<string, string>>;
  /** Whether the users' IDs can still be read (unless they were purged). */
  readable: boolean;
  /** In hex; set when the sweep is sealed. */
  merkleRoot?: string;
  /** What is sealed besides the receipts, as canonical JSON; absent until then, and for a seal of an earlier version. */
  head?: string;
  leaves?: number;
  purgedAt?: string;
  /** ISO 8601, UTC, like all times here. */
  createdAt: string;
  endedAt?: string;
}

/** What people know a user of a sweep by: the line of the source, and the `reference`. It stays when the IDs are deleted. */
export interface RowLabel {
  line?: number;
  reference?: string;
}

/** Maximum number of users opened or flushed per statement. */
export const MOST_USERS_IN_A_WAVE = 250;

/** Maximum number of users opened for bulk calls per statement. */
export const MOST_USERS_IN_A_BULK_CALL = 10_000;

/** Identifies the attempt at a chunk that writes. */
export interface ChunkFence {
  sweepId: string;
  chunkId: string;
  fence: number;
}

/** Which run opens users, and for what. */
export interface Opener {
  /** The calling workflow's first run; absent for an unclaimed sweep. */
  claimedBy?: string;
  /**
   * Whether calls will be sent for the opened users. `false` opens them even if sending is forbidden, to record their
   * final outcome.
   * @default true
   */
  sends?: boolean;
}

/** A request for the next users of a chunk. */
export interface OpenWave extends ChunkFence, Opener {
  /** The chunk's targets by seq, inclusive. */
  range: { from: number; to: number };
  /**
   * Chosen by the caller, unique per wave of this fence. Repeating it (after `LedgerUnavailableError`) returns the
   * users that were opened with it instead of opening more.
   */
  wave: number;
  limit: number;
  /**
   * Counts users who are begun for the first time on their day. Others are opened also when the day is full.
   * @default not counted
   */
  daily?: DailyLimit | undefined;
}

/** A user whose intent is recorded, so that calls may be made. */
export interface OpenUser {
  seq: number;
  /** How many times this user had been deferred before; to be passed when flushing. */
  round: number;
  user: TargetUser;
  subjects: readonly string[];
  /** Whether calls of an earlier attempt are in doubt: they may have reached the providers. Check before sending. */
  unsettled: boolean;
  /** The user is on hold: only reads may be sent, to follow what was sent before. @default false */
  held?: boolean;
}

/** The result of one step of a user, recorded as a receipt. */
export interface StepReceipt {
  step: string;
  task: string;
  /** The keyed hash that the step concerned; empty for a step without a call. */
  subject: string;
  service: string;
  environment: string;
  keySlot?: string;
  outcome: ReceiptOutcome;
  reason?: string;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  requestId?: string;
  token?: string;
  /** Keyed hashes of the Items that were listed or removed. */
  items?: readonly string[];
  /** `false`: another receipt is the row of the step, and this one says the same of another ID. @default true */
  isRow?: boolean;
}

interface FlushedUser {
  seq: number;
  /** As returned when the user was opened. */
  round: number;
  receipts: readonly StepReceipt[];
}

/** A user whose steps are all done, except those of bulk calls. */
export interface SettledUser extends FlushedUser {
  kind: 'settled';
  /** The queues of the bulk steps that the user waits for. @default none */
  bulkApps?: readonly string[];
  /** Whether how far the user had come was recorded; it is deleted. @default false */
  hadProgress?: boolean;
}

/** A user to retry later. */
export interface DeferredUser extends FlushedUser {
  kind: 'deferred';
  /** ISO 8601: the user is not opened before this time. */
  notBefore: string;
  /** Whether a call is in doubt: it may have reached a provider without a recorded result. */
  unsettled: boolean;
  /** How far the user has come, as JSON; stored encrypted. Absent for a user whose steps begin again. */
  progress?: unknown;
  /** The step that a person has to do. The user is not opened before a report about it. */
  waitsFor?: string;
}

/** The time before which a user who waits for a person is not opened. */
export const WAITS_FOR_PERSON = '9999-12-31T00:00:00.000Z';

/** The results of some or all users of a wave. */
export interface FlushWave extends ChunkFence {
  users: readonly (SettledUser | DeferredUser)[];
}

/** What one round of a sweep removed for a user. */
export interface Removal {
  step: string;
  task: string;
  requestId?: string;
  /** Keyed hashes of the removed Items; empty if the step does not concern Items. */
  items: readonly string[];
}

/** A range of targets with users who are not done. */
export interface UnfinishedRange {
  from: number;
  to: number;
  users: number;
  /** When the first of them may be opened; absent if one may be opened now. */
  notBefore?: string;
}

/** A query for ranges with users who are not done. */
export interface UnfinishedQuery {
  sweepId: string;
  /** Users per range. */
  chunkSize: number;
  /** Maximum number of ranges in one result; with `chunkSize` it bounds what is read. */
  limit: number;
  /** The first user (seq) to include. */
  fromSeq: number;
}

/** One page of ranges with users who are not done. */
export interface UnfinishedRanges {
  ranges: UnfinishedRange[];
  /** Where the next page begins; absent after the last user. */
  nextSeq?: number;
}

/** Number of users by state or worst outcome; each user counts once. */
export type SweepCounts = Record<Outcome, number> & {
  total: number;
  /** Not started, or deferred. */
  pending: number;
  /** In progress, possibly in a process that has died. */
  open: number;
  /** All steps done except bulk calls. */
  waitingForBulk: number;
};

/** A request for the users of the next bulk call. */
export interface OpenBulk extends ChunkFence, Opener {
  /** The queue of the bulk step. */
  app: string;
  /** The step's name in receipts, for example `batch.ios`. */
  step: string;
  /** Like {@link OpenWave.wave}, unique per bulk fence. */
  wave: number;
  /** At most {@link MOST_USERS_IN_A_BULK_CALL}. */
  limit: number;
}

/** A user of the next bulk call. */
export interface BulkUser {
  seq: number;
  user: TargetUser;
  subjects: readonly string[];
  /** Whether an earlier call with this user is in doubt: it may have reached the provider without a recorded result. */
  unsettled: boolean;
}

/** Some of the users opened for a bulk call. */
export interface OpenedForBulk extends ChunkFence {
  app: string;
  seqs: readonly number[];
}

/** The result of a bulk call for some of its users. */
export interface RecordBulk extends ChunkFence {
  app: string;
  step: string;
  task: string;
  service: string;
  environment: string;
  keySlot?: string;
  outcome: Outcome;
  token?: string;
  requestId?: string;
  reason?: string;
  failureType?: TaskFailureType;
  status?: number;
  code?: string;
  /** Each `subject` is the keyed hash of the ID that the call listed, for the receipt. */
  users: readonly { seq: number; subject: string }[];
}

/** A receipt that differs from what was sealed. */
export interface Difference {
  kind: 'changed' | 'added' | 'removed';
  seq: number;
  step: string;
  /** The row's ID in the table `receipts`. */
  receipt: number;
}

/** The result of a verification. */
export interface Verification {
  /** Whether the receipts give the expected root and nothing differs. */
  ok: boolean;
  /** In hex, recomputed from the receipts. */
  root: string;
  /** In hex, as stored in the ledger. */
  sealedRoot: string;
  /** In hex, recomputed from the stored leaf hashes. If it differs from `sealedRoot`, those were changed as well. */
  keptRoot: string;
  receipts: number;
  /** Receipts of which only the hashes are left; absent if there are none. */
  purged?: number;
  /** The first 1,000. */
  differences: Difference[];
  differenceCount: number;
}

/** Proves, given only the root, that a receipt was sealed. */
export interface ReceiptProof {
  receipt: number;
  seq: number;
  step: string;
  /** The fields in the order in which they are hashed; the JSON of this array is the leaf's content. */
  fields: readonly (string | number | null)[];
  index: number;
  leaves: number;
  /** In hex, from the leaf's sibling upwards. */
  path: readonly string[];
}
