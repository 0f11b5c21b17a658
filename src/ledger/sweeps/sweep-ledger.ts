import type { GivenApproval } from '../../operator-policy/approval';
import type { Outcome } from '../../policy/outcome';
import type { SweepStatus } from '../../policy/sweep-result';
import type { Receipt, SubjectHistory } from '../ledger';
import type { SweepEnd } from './head';
import type { ScheduledSweep } from './series';
import type { SummariseSweep, SweepSummary, UsersWithOutcome } from './summary-types';
import type { AppendTargets, BeginSnapshot, SnapshotState, SnapshotWriter, TargetRow } from './snapshot-types';
import type {
  BulkUser,
  ChunkFence,
  FlushWave,
  NewSweep,
  OpenBulk,
  OpenedForBulk,
  OpenUser,
  OpenWave,
  ReceiptProof,
  RecordBulk,
  Removal,
  SweepCounts,
  SweepRow,
  SweepTerms,
  RowLabel,
  UnfinishedQuery,
  UnfinishedRanges,
  Verification,
} from './sweep-types';
import type { RecordedProgress, ReportStep, SaveProgress } from './target-progress';

/**
 * The sweeps part of the ledger: the users to offboard, their progress and outcomes, and the proof of them.
 *
 * Users' IDs are encrypted with a key of their sweep before they reach the database, so that its files never contain an
 * ID. Every write is one short statement that commits by itself, so that a frozen process holds no lock (but users with requests are written with them in one transaction), and all writes
 * for a chunk carry a fencing number, so that a process that resumes after being replaced writes nothing more.
 *
 * All methods reject with `LedgerUnavailableError` when the database is unavailable, and with `UnknownSweepError` for a
 * sweep that does not exist. All may be repeated after any rejection.
 */
export interface SweepLedger {
  /**
   * Creates a sweep with its own random key. Returns an existing sweep unchanged.
   * @throws SweepConflictError when it exists with another `redriveOf`.
   */
  create(sweep: NewSweep): Promise<SweepRow>;
  /**
   * Claims an unclaimed sweep for the caller on these terms. Only one run ever works on a sweep, and the terms never
   * change. (Runs started by 0.1.0 give no terms.)
   * @param claim.by Must be the same text in every call of this caller.
   * @returns The sweep; `claimedBy` differs from `by` if another run claimed it first.
   */
  claim(claim: { sweepId: string; by: string; terms?: SweepTerms }): Promise<SweepRow>;
  /**
   * Sets the plan of a sweep that 0.1.0 opened for this run. An existing plan is kept.
   * @returns The resulting sweep.
   */
  adoptPlan(adopt: { sweepId: string; by: string; plan: string }): Promise<SweepRow>;
  /**
   * Records the approval of a sweep of this run whose source was read completely and has this many users. The first
   * approval is kept.
   * @returns The sweep; without `approvedAt` nothing was approved.
   */
  approve(approval: { sweepId: string; by: string; total: number; approver: string }): Promise<SweepRow>;
  /**
   * Bars a sweep whose source was read completely until it is approved.
   * @returns The SHA-256 over all rows of its snapshot, in hex, which approvers sign.
   */
  requireApproval(sweepId: string): Promise<string>;
  /** Stores an approver's signature, which the caller has verified. The first of each approver is kept. */
  addApproval(approval: GivenApproval & { sweepId: string; total: number }): Promise<void>;
  /** Returns the signed approvals of a sweep, oldest first. Who reads them verifies them. */
  readApprovals(sweepId: string): Promise<GivenApproval[]>;
  /** Returns the sweep of this run, preferring one that has not ended, or undefined. */
  readClaimedBy(by: string): Promise<SweepRow | undefined>;
  /** Returns undefined if the sweep does not exist. */
  read(sweepId: string): Promise<SweepRow | undefined>;
  /** Returns the latest sweeps, newest first. */
  list(filter: { limit: number }): Promise<SweepRow[]>;
  /**
   * Sets the status of the sweep. An end status (completed, partial, failed, cancelled) also sets `endedAt`, once, and
   * ends the sweep's own rates.
   */
  setStatus(change: { sweepId: string; status: SweepStatus; pausedBecause?: string }): Promise<void>;
  /** Replaces what is known about the request of a sweep that is not sealed. */
  noteRequests(note: { sweepId: string; about: NonNullable<SweepRow['about']> }): Promise<void>;
  /**
   * Records in the register how the users of a sweep ended, by their worst outcome. Idempotent.
   *
   * @param end.alsoDone Outcomes with which a request is carried out, besides those of a deletion.
   */
  endRequests(end: { sweepId: string; alsoDone: readonly Outcome[] }): Promise<void>;

  /**
   * Records permanently that a Schedule started the sweep.
   * @returns The latest earlier nominal time of a finished sweep in the series, or undefined. Idempotent.
   */
  joinSeries(sweep: ScheduledSweep): Promise<string | undefined>;
  /** Records that all users up to the sweep's nominal time were done. Does nothing for a sweep without a series. */
  finishInSeries(sweepId: string): Promise<void>;

  /**
   * Returns the progress of the snapshot.
   * @throws SweepReleasedError when it has a position and its key was destroyed.
   */
  readSnapshot(sweepId: string): Promise<SnapshotState>;
  /**
   * Appends rows to the targets, numbered from 0 without gaps, and advances the source's position, in one statement.
   *
   * A row is a duplicate, and only counted, if one earlier row has all its IDs and covers its Items: a row without
   * `itemIds` covers all Items of the user, so later rows with `itemIds` are its duplicates, but not the other way
   * round.
   *
   * @throws SnapshotMovedError when `version` is not the snapshot's: another process appended rows, or this call was
   * repeated after it had succeeded. Nothing was written; read the state and continue at its position.
   * @throws SweepConflictError when earlier rows were hashed for another environment of the same provider.
   */
  appendTargets(rows: AppendTargets): Promise<SnapshotState>;
  /**
   * Continues a snapshot by many blocks, each of which is appended as by {@link appendTargets}. While some are written,
   * the next ones are prepared.
   * @throws SnapshotMovedError when `version` is not the snapshot's.
   */
  writeSnapshot(snapshot: BeginSnapshot): Promise<SnapshotWriter>;
  /**
   * Copies the next failed and unknown users of `redriveOf` into the sweep, re-encrypted with its key, and completes
   * the snapshot after the last. Their requests become those of the sweep, unless `leaveRequests`. Call it until the state
   * is `complete`.
   * @throws SweepReleasedError when the IDs of the first sweep can no longer be read.
   */
  appendRedriven(copy: { sweepId: string; limit: number; leaveRequests?: boolean }): Promise<SnapshotState>;

  /**
   * Returns a new fencing number for a chunk. Only its holder may write for the chunk; all earlier numbers are void.
   * @throws SweepSealedError
   */
  takeFence(chunk: { sweepId: string; chunkId: string }): Promise<number>;
  /**
   * Voids the fences of all other chunks of the sweep: their holders can write nothing more, and send nothing once they
   * have noticed. New fences can be taken.
   * @throws SweepFencedError
   */
  voidOtherFences(chunk: ChunkFence): Promise<void>;
  /**
   * Confirms by a write that changes nothing that the fence is still valid and the ledger writable.
   * @throws SweepFencedError
   */
  confirmFence(chunk: ChunkFence): Promise<void>;
  /**
   * Records the intent for the next users of a range and returns them decrypted: first users with an intent of an
   * earlier attempt that has no outcome, flagged `unsettled`; then users not yet started and deferred users that are
   * due, by seq.
   *
   * Users on hold are not returned: the same statement gives them the outcome `held` and a receipt of the step `hold`.
   * One of whom a call is in doubt or a request is filed is returned as `held` if the recorded progress says how to
   * continue, and else gets `unknown`.
   *
   * @returns An empty list if no user of the range can be opened now.
   * @throws SweepFencedError, and nothing was recorded.
   * @throws SweepNotYoursError, and nothing was recorded.
   * @throws SweepBarredError when a missing approval, a limit or a stop forbids sending. Nothing was recorded.
   * @throws SweepReleasedError, and nothing was recorded.
   */
  openWave(wave: OpenWave): Promise<OpenUser[]>;
  /**
   * Records the outcomes of up to 250 users with their receipts, in one statement. A settled user counts under the
   * worst outcome of its receipts. Idempotent: existing outcomes are kept.
   * @throws SweepFencedError, and nothing was written.
   */
  flushWave(flush: FlushWave): Promise<void>;
  /**
   * Records how far up to 250 users have come, and perhaps that a call is about to be sent, in one statement.
   * @throws SweepFencedError, and nothing was written.
   */
  saveProgress(save: SaveProgress): Promise<void>;
  /** Returns how far these users had come, by seq. Users of whom nothing is recorded are absent. */
  readProgress(query: { sweepId: string; seqs: readonly number[] }): Promise<ReadonlyMap<number, RecordedProgress>>;
  /** Returns how many users wait for a person, by step. */
  countWaiting(sweepId: string): Promise<Record<string, number>>;
  /**
   * Records what a person reports about a step for users who wait for it, and makes them due. Idempotent.
   * @returns The number of users who waited and no longer do.
   */
  reportStep(report: ReportStep): Promise<{ users: number }>;
  /** Returns what earlier receipts say about each of these users, in the order of the users. */
  readHistories(users: readonly { subjects: readonly string[] }[]): Promise<SubjectHistory[]>;
  /**
   * Returns what this sweep has already removed of these users according to the receipts of its earlier rounds, by seq
   * and in their order. Users without removals are absent. Items that were only listed do not count.
   */
  readRemovals(query: { sweepId: string; seqs: readonly number[] }): Promise<ReadonlyMap<number, readonly Removal[]>>;
  /** Returns those of these users for whom at least one step of this sweep succeeded or was already done. */
  readPartlyDone(query: { sweepId: string; seqs: readonly number[] }): Promise<ReadonlySet<number>>;

  /**
   * Returns one user of a sweep, decrypted, for a separate run; undefined if the user does not exist or its IDs were
   * purged.
   * @throws SweepReleasedError
   */
  readUser(target: { sweepId: string; seq: number }): Promise<TargetRow | undefined>;
  /** Returns whether the user has an intent and no outcome yet, so that calls may be made. */
  isOpen(target: { sweepId: string; seq: number }): Promise<boolean>;
  /**
   * Counts each user once; the numbers add up to `total`. Reads every target of the range or sweep: a million take some
   * tenths of a second, during which libSQL is blocked. For frequent counts, add up ranges that are done.
   */
  count(sweepId: string, range?: { from: number; to: number }): Promise<SweepCounts>;
  /**
   * Counts failed and unknown users among those who are done or only wait for a bulk call. Cheap, for the tolerance
   * check.
   */
  countFailed(sweepId: string): Promise<number>;
  /** Returns where users are pending or open, in ranges of `chunkSize`, page by page. */
  readUnfinished(query: UnfinishedQuery): Promise<UnfinishedRanges>;
  /** Makes all deferred users of a range due immediately. */
  makeDue(range: { sweepId: string; from: number; to: number }): Promise<void>;

  /** Returns how many users wait for a bulk call, by queue. */
  readyForBulk(sweepId: string): Promise<Record<string, number>>;
  /**
   * Records the intent of a bulk call for the next users of a queue, by seq, and returns them decrypted. Users on hold
   * are left out as in `openWave`, under the given step. Users of a call without a recorded outcome are returned again,
   * because bulk calls are idempotent.
   * @throws SweepFencedError
   * @throws SweepNotYoursError
   * @throws SweepBarredError as `openWave` does.
   * @throws SweepReleasedError
   */
  openBulk(bulk: OpenBulk): Promise<BulkUser[]>;
  /**
   * Records the outcome of users of a bulk call, with a receipt for each. A user who waits in no other queue is then
   * done. Idempotent.
   * @throws SweepFencedError
   */
  recordBulk(bulk: RecordBulk): Promise<void>;
  /**
   * Reverts `openBulk` for users for whom certainly no call was sent, so that they wait again. Users who were already
   * unsettled when opened, and users opened by another process since, are unchanged.
   */
  returnBulk(bulk: OpenedForBulk): Promise<void>;
  /**
   * Records that a call with these users may have reached the provider and its result is unknown. If a hold then prevents a
   * retry, they become `unknown` rather than `held`.
   */
  notePerhapsSent(bulk: OpenedForBulk): Promise<void>;

  /**
   * Returns receipts of the sweep, by seq: at least `limit` unless there are no more, and always all receipts of a
   * user.
   */
  readReceipts(page: { sweepId: string; afterSeq: number; limit: number }): Promise<Receipt[]>;
  /** Returns what people know these users by, by seq. The labels of users of earlier versions are empty. */
  readLabels(query: { sweepId: string; seqs: readonly number[] }): Promise<ReadonlyMap<number, RowLabel>>;
  /**
   * Aggregates all receipts: how many there are of each kind, and when users were settled. Works in slices of a
   * fraction of a second each; while the sweep runs, later slices are newer than earlier ones.
   */
  summarise(of: SummariseSweep): Promise<SweepSummary>;
  /**
   * Returns the number of users whose worst outcome so far is one of these, and all settled receipts of the first
   * `limit`, by seq.
   * @param of.afterSeq Receipts of users up to this one are left out. @default none
   */
  readUsersWithOutcome(of: {
    sweepId: string;
    outcomes: readonly Outcome[];
    limit: number;
    afterSeq?: number;
  }): Promise<UsersWithOutcome>;
  /**
   * Closes the sweep for every chunk and seals it: stores its head, which contains the Merkle root of its receipts (see
   * `head.ts` and `receipt-leaf.ts`), and queues the head for the log. Works in slices. Idempotent: an existing seal is kept.
   * @param seal.end How the sweep ends, for the head.
   * @param seal.onProgress Called after each slice with the number of receipts processed, for heartbeats.
   * @returns The root in hex: the leaf hash of the head.
   */
  seal(seal: {
    sweepId: string;
    end?: SweepEnd;
    onProgress?: (receipts: number) => void;
  }): Promise<{ merkleRoot: string; leaves: number }>;
  /**
   * Returns the digest of the sweep's users (see `snapshot-digest.ts`), or null once IDs were purged.
   */
  snapshotDigest(sweepId: string): Promise<string | null>;
  /**
   * Recomputes the root from the receipts and reports every one that was changed, added or removed since sealing.
   * @param verify.expectedRoot In hex, from outside the ledger: the workflow's result.
   * @throws SweepConflictError when the sweep is not sealed.
   */
  verify(verify: {
    sweepId: string;
    expectedRoot?: string;
    onProgress?: (receipts: number) => void;
  }): Promise<Verification>;
  /**
   * Returns the row IDs of those receipts of these users (seq) that the ledger's own seal covers; none without a seal.
   */
  readSealed(range: { sweepId: string; from: number; to: number }): Promise<ReadonlySet<number>>;
  /**
   * Returns inclusion proofs for all receipts of up to 1,000 users.
   * @throws SweepConflictError when the sweep is not sealed.
   */
  prove(proof: { sweepId: string; seqs: readonly number[] }): Promise<ReceiptProof[]>;
  /**
   * Returns inclusion proofs for all receipts of the sweep in tree order, using 64 bytes of memory per receipt.
   * @throws SweepConflictError when the sweep is not sealed, or its receipts are not those that were sealed.
   */
  proveAll(proof: { sweepId: string }): AsyncIterable<ReceiptProof>;

  /**
   * Deletes, in slices, the IDs of all users who are done, except the failed and unknown ones.
   * @returns The number of users whose IDs this call deleted.
   */
  purge(purge: { sweepId: string; onProgress?: (users: number) => void }): Promise<number>;
  /**
   * Re-encrypts the remaining IDs with a new key, in slices, and destroys the first key: purged IDs can then no longer
   * be read from old rows, logs or copies of the database that lack the first key. Idempotent. May be interrupted
   * anywhere and repeated by any process; the IDs stay readable throughout.
   * @param rekey.onProgress Called after each slice with the number of users processed, for heartbeats.
   * @throws SweepReleasedError
   */
  rekey(rekey: { sweepId: string; onProgress?: (users: number) => void }): Promise<void>;
  /**
   * Returns sweeps that ended before this time (ISO 8601) and whose IDs are still encrypted with their first key,
   * oldest first.
   */
  listEndedUnderFirstKey(endedBefore: string): Promise<string[]>;
  /** Destroys the sweep's key, so that its IDs can never be read again. Receipts and counts are kept. */
  release(sweepId: string): Promise<void>;
  /** Returns sealed sweeps that ended before this time (ISO 8601) and whose receipts are still there, oldest first. */
  listPurgeable(purge: { before: string }): Promise<string[]>;
  /**
   * Deletes, in slices, the receipts of a sweep that ended before this time, and what is stored for each of its users.
   * The hashes of the receipts stay, so that the root can be computed; the log says that the sweep was purged.
   * @throws SweepConflictError for a sweep that ended later, has no head, or has other receipts than were sealed.
   */
  purgeReceipts(purge: { sweepId: string; before: string; onProgress?: (users: number) => void }): Promise<void>;
  /**
   * Releases every sweep without activity since this time (ISO 8601), ended or abandoned: it was created before, and no
   * user was opened since. Returns their IDs.
   */
  releaseUntouchedSince(time: string): Promise<string[]>;
}
