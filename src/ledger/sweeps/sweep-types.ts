import type { DoneStep } from '../../policy/done-steps';
import type { Outcome } from '../../policy/outcome';
import type { SnapshotReport } from '../../policy/snapshot-report';
import type { SweepStatus } from '../../policy/sweep-result';
import type { TargetUser } from '../../policy/target-user';
import type { TaskFailureType } from '../../tasks/failure';
import type { ReceiptOutcome } from '../ledger';

/** What is decided about a sweep when a run claims it, once and for all. */
export interface SweepTerms {
  /** How every user is off-boarded, as JSON; the ledger only keeps it. */
  plan: string;
  /** No intent is recorded before somebody has approved. */
  needsApproval: boolean;
  /** No intent is recorded for a sweep with more users. */
  maxUsers: number;
}

/** What a sweep is from its first moment on. */
export interface NewSweep {
  /** Names the sweep in everything that follows; the workflow's id. No personal data. */
  sweepId: string;
  /** The sweep whose failed and unknown users this one takes up again. */
  redriveOf?: string;
  /**
   * Users whose `closedAt` lies before the calls by which an earlier run or sweep of this ledger brought them to a good
   * end are marked `skipped` when they are appended; see `findDone`.
   * @default false
   */
  skipDone?: boolean;
  /** Who works on it from its first moment on, see `SweepLedger.claim`. @default nobody yet */
  claimedBy?: string;
  /** Given together with `claimedBy`. */
  terms?: SweepTerms;
}

/** A sweep as the ledger knows it. */
export interface SweepRow {
  sweepId: string;
  redriveOf?: string;
  /** Whose it is; absent as long as nobody has claimed it. */
  claimedBy?: string;
  /** See {@link SweepTerms}; absent until it is claimed, and for a sweep that 0.1.0 opened. */
  plan?: string;
  maxUsers?: number;
  needsApproval: boolean;
  /** Who approved it: a claim. */
  approvedBy?: string;
  /** ISO 8601, UTC. */
  approvedAt?: string;
  skipDone: boolean;
  status: SweepStatus;
  pausedBecause?: string;
  /** Unique good rows of its source. */
  total: number;
  duplicates: number;
  rejected: number;
  snapshotComplete: boolean;
  /** See {@link SnapshotState.report}. */
  report?: SnapshotReport;
  /** For which environment the ids at Plaid were hashed; absent as long as no user has one. */
  plaidEnvironment?: string;
  /** The users' ids can still be read (where they were not purged). */
  readable: boolean;
  /** In hex; set when the sweep is sealed. */
  merkleRoot?: string;
  /** How many receipts are sealed. */
  leaves?: number;
  /** ISO 8601, UTC, like all times here. */
  createdAt: string;
  endedAt?: string;
}

/** How far a snapshot has come. */
export interface SnapshotState {
  /** To be given back with the next rows; grows by one with each append. */
  version: number;
  /** Where in the source to go on; undefined at its start. */
  position?: string;
  total: number;
  duplicates: number;
  rejected: number;
  complete: boolean;
  /** What is known of the source besides; absent before the first rows, for a redrive, and where an earlier version read it. */
  report?: SnapshotReport;
}

/** One good row of a source. */
export interface TargetRow {
  user: TargetUser;
  /** The keyed hashes of all ids of the user, one for each (see `userSubjects`). */
  subjects: readonly string[];
}

/** The next rows of a snapshot. */
export interface AppendTargets {
  sweepId: string;
  /** The snapshot's version as it was last read or answered. */
  version: number;
  /** At most {@link MOST_ROWS_AT_ONCE}, in the order of the source. */
  rows: readonly TargetRow[];
  /** The environment for which ids at Plaid were hashed; one for the whole sweep. */
  plaidEnvironment?: string;
  /** Where the source goes on after these rows. Encrypted, since a cursor may hold an id. */
  position: string;
  /**
   * Steps that an earlier end must have done before a user is left out as done.
   * @default none
   */
  doneSteps?: readonly DoneStep[] | undefined;
  /**
   * How many rows in this stretch of the source were refused.
   * @default 0
   */
  rejected?: number;
  /** What the reading knows of the source by now; rows that share an ID are counted by the ledger. @default as before */
  report?: Omit<SnapshotReport, 'sharedIds'>;
  /**
   * The source has ended with these rows; nothing can be appended any more.
   * @default false
   */
  complete?: boolean;
}

/** So many rows may be appended in one statement. */
export const MOST_ROWS_AT_ONCE = 10_000;

/** So many users may be opened or flushed in one statement. */
export const MOST_USERS_IN_A_WAVE = 250;

/** Batch takes at most so many ids in one bulk call. */
export const MOST_USERS_IN_A_BULK_CALL = 10_000;

/** Which attempt at which chunk writes. */
export interface ChunkFence {
  sweepId: string;
  chunkId: string;
  /** From `takeFence`. */
  fence: number;
}

/** On whose behalf, and what for, users are opened. */
export interface Opener {
  /** The first run of the workflow that asks; absent for a sweep that nobody has claimed. */
  claimedBy?: string;
  /**
   * Whether something may be sent to the users who are opened. `false` opens them also where nothing may be sent, to write
   * their last outcome.
   * @default true
   */
  sends?: boolean;
}

/** Asks for the next users of a chunk. */
export interface OpenWave extends ChunkFence, Opener {
  /** The chunk's targets: from this seq to that one, both included. */
  range: { from: number; to: number };
  /**
   * A number of the caller's, another one for each wave of this fence. Repeating it (after `LedgerUnavailableError`)
   * answers the users that were opened under it, instead of opening more.
   */
  wave: number;
  /** At most {@link MOST_USERS_IN_A_WAVE}. */
  limit: number;
}

/** A user whose intent is in the ledger: calls may be made. */
export interface OpenUser {
  seq: number;
  /** How often this user was deferred before, from 0; part of what is flushed. */
  round: number;
  user: TargetUser;
  subjects: readonly string[];
  /** Calls of an earlier attempt may have reached the providers without their answers being recorded: look before sending. */
  unsettled: boolean;
}

/** What one step of a user came to. Becomes a receipt. */
export interface StepReceipt {
  step: string;
  task: string;
  /** The keyed hash the step was about; empty for a step that calls nobody. */
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
  /** Keyed hashes of the items that were seen or removed. */
  items?: readonly string[];
}

interface FlushedUser {
  seq: number;
  /** As it was answered when the user was opened. */
  round: number;
  receipts: readonly StepReceipt[];
}

/** A user whose steps have come to their end, apart from those that a bulk call does. */
export interface SettledUser extends FlushedUser {
  kind: 'settled';
  /** The apps for which this user waits to be deleted at Batch in a bulk call; none when absent. */
  bulkApps?: readonly string[];
}

/** A user who has to be tried again later. */
export interface DeferredUser extends FlushedUser {
  kind: 'deferred';
  /** ISO 8601; not opened before. */
  notBefore: string;
  /** Whether something may have reached a provider without its answer being recorded. */
  unsettled: boolean;
}

/** What became of the users of a wave, or of some of them. */
export interface FlushWave extends ChunkFence {
  users: readonly (SettledUser | DeferredUser)[];
}

/** What a round of a sweep removed of a user. */
export interface Removal {
  step: string;
  task: string;
  requestId?: string;
  /** Keyed hashes of the Items that were removed; none when it was not about Items. */
  items: readonly string[];
}

/** A stretch of targets with users that are not done. */
export interface UnfinishedRange {
  from: number;
  to: number;
  users: number;
  /** When the first of them may be opened; absent when one may be at once. */
  notBefore?: string;
}

/** Asks where users are not done. */
export interface UnfinishedQuery {
  sweepId: string;
  /** Users in a stretch. */
  chunkSize: number;
  /** Stretches in one answer, at most: what is read is bounded by both. */
  limit: number;
  /** From this user (seq) on. */
  fromSeq: number;
}

/** Where users are not done, as far as it was looked. */
export interface UnfinishedRanges {
  ranges: UnfinishedRange[];
  /** Where to ask on; absent after the last user. */
  nextSeq?: number;
}

/** Each user once, under the worst outcome of its steps. */
export type SweepCounts = Record<Outcome, number> & {
  total: number;
  /** Not begun, or deferred. */
  pending: number;
  /** Under way; of a dead process perhaps. */
  open: number;
  /** All done except for bulk calls. */
  waitingForBulk: number;
};

/** Asks for the users of the next bulk call. */
export interface OpenBulk extends ChunkFence, Opener {
  app: string;
  /** The step's name in receipts, for example `batch.ios`. */
  step: string;
  /** The same as {@link OpenWave.wave}, counted apart for each bulk fence. */
  wave: number;
  /** At most {@link MOST_USERS_IN_A_BULK_CALL}. */
  limit: number;
}

/** A user of the next bulk call. */
export interface BulkUser {
  seq: number;
  user: TargetUser;
  subjects: readonly string[];
  /** An earlier call with this user may have reached Batch without its answer being recorded. */
  unsettled: boolean;
}

/** Some of the users who were opened for a bulk call. */
export interface OpenedForBulk extends ChunkFence {
  app: string;
  seqs: readonly number[];
}

/** What became of the users of a bulk call. */
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
  /** The keyed hash of the id at Batch stands in each user's receipt. */
  users: readonly { seq: number; subject: string }[];
}

/** One receipt of a sweep that is not as it was sealed. */
export interface Difference {
  kind: 'changed' | 'added' | 'removed';
  seq: number;
  step: string;
  /** The row's id in the table `receipts`. */
  receipt: number;
}

/** What a verification found. */
export interface Verification {
  /** The receipts give the root that was expected, and nothing differs. */
  ok: boolean;
  /** In hex, computed now from the receipts. */
  root: string;
  /** In hex, as the ledger keeps it. */
  sealedRoot: string;
  /** In hex, computed now from the leaf hashes kept at sealing: when it is not `sealedRoot`, those were changed too. */
  keptRoot: string;
  receipts: number;
  /** The first thousand. */
  differences: Difference[];
  differenceCount: number;
}

/** Shows with the root alone that a receipt was sealed. */
export interface ReceiptProof {
  receipt: number;
  seq: number;
  step: string;
  /** The fields in the order in which they are hashed; JSON of this array is the leaf's content. */
  fields: readonly (string | number | null)[];
  index: number;
  leaves: number;
  /** In hex, the leaf's neighbour first. */
  path: readonly string[];
}
