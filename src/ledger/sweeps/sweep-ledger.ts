import type { Outcome } from '../../policy/outcome';
import type { SweepStatus } from '../../policy/sweep-result';
import type { Receipt, SubjectHistory } from '../ledger';
import type { ScheduledSweep } from './series';
import type { SweepSummary, UsersWithOutcome } from './summary-types';
import type {
  AppendTargets,
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
  SnapshotState,
  SweepCounts,
  SweepRow,
  SweepTerms,
  TargetRow,
  UnfinishedQuery,
  UnfinishedRanges,
  Verification,
} from './sweep-types';

/**
 * The ledger's side of sweeps: who is to be off-boarded, who is under way, what became of them, and the proof of it.
 *
 * Users' ids are encrypted with a key of their sweep before they reach the database, so that no file of it ever holds
 * one. Every write is one short statement that commits by itself, so that a process that freezes sits on no lock, and
 * everything of a chunk is written under a fencing number, so that one that wakes writes nothing more.
 *
 * All methods reject with `LedgerUnavailableError` when the database cannot be used right now, and with
 * `UnknownSweepError` for a sweep that is not there. All may be repeated after any rejection.
 */
export interface SweepLedger {
  /**
   * Creates a sweep with a random key of its own. One that exists already is answered as it is.
   * @throws SweepConflictError when it exists with another `redriveOf`.
   */
  create(sweep: NewSweep): Promise<SweepRow>;
  /**
   * Makes a sweep that nobody has claimed the caller's, on these terms: only one may ever work on it, and the terms never
   * change. (Runs that 0.1.0 began give none.)
   * @param claim.by The same text whenever the caller asks again.
   * @returns The sweep; look at `claimedBy`, which is another when somebody else was first.
   */
  claim(claim: { sweepId: string; by: string; terms?: SweepTerms }): Promise<SweepRow>;
  /** Gives a sweep that 0.1.0 opened for this run its plan. One that has a plan keeps it. @returns The sweep as it is then. */
  adoptPlan(adopt: { sweepId: string; by: string; plan: string }): Promise<SweepRow>;
  /**
   * Records the approval of a sweep of this run whose users are all read and are this many. The first one stays.
   * @returns The sweep; without `approvedAt` nothing was approved.
   */
  approve(approval: { sweepId: string; by: string; total: number; approver: string }): Promise<SweepRow>;
  /** Returns the sweep that belongs to this run, one that has not ended before one that has; undefined when there is none. */
  readClaimedBy(by: string): Promise<SweepRow | undefined>;
  /** Undefined when there is none. */
  read(sweepId: string): Promise<SweepRow | undefined>;
  /** The latest sweeps, newest first. */
  list(filter: { limit: number }): Promise<SweepRow[]>;
  /** Writes how the sweep stands. An end status (completed, partial, failed, cancelled) also sets `endedAt`, once, and ends the sweep's own rates. */
  setStatus(change: { sweepId: string; status: SweepStatus; pausedBecause?: string }): Promise<void>;

  /**
   * Notes that a Schedule started the sweep, once and for all.
   * @returns The greatest nominal time before this one of a sweep in the series that finished; undefined when there is
   *   none. Repeating the call returns the same.
   */
  joinSeries(sweep: ScheduledSweep): Promise<string | undefined>;
  /** Notes that everyone up to the sweep's nominal time was done. Nothing is noted for a sweep that is in no series. */
  finishInSeries(sweepId: string): Promise<void>;

  /**
   * How far the snapshot has come.
   * @throws SweepReleasedError when it had a position and its key is gone.
   */
  readSnapshot(sweepId: string): Promise<SnapshotState>;
  /**
   * Appends rows to the targets, numbered from 0 without gaps, and moves the source's position, all in one statement.
   *
   * A row is a duplicate, and only counted, when one earlier row has all its ids and reaches as far: a row without
   * `itemIds` stands for all Items of the user, so that it makes later ones with `itemIds` duplicates, and never the
   * other way round.
   *
   * @throws SnapshotMovedError when `version` is not the snapshot's: another process appended, or this call was
   * repeated after it had done its work. Nothing was written; read the state and go on at its position.
   * @throws SweepConflictError when earlier rows were hashed for another `plaidEnvironment`.
   */
  appendTargets(rows: AppendTargets): Promise<SnapshotState>;
  /**
   * Copies the next failed and unknown users of `redriveOf` into the sweep, decrypted and encrypted anew, and completes
   * the snapshot after the last. Call it until the state is `complete`.
   * @throws SweepReleasedError when the ids of the first sweep cannot be read any more.
   */
  appendRedriven(copy: { sweepId: string; limit: number }): Promise<SnapshotState>;

  /**
   * Makes the caller the only one who may write for a chunk: every earlier number of it is void when this returns.
   * @throws SweepSealedError
   */
  takeFence(chunk: { sweepId: string; chunkId: string }): Promise<number>;
  /**
   * Voids the fences of all other chunks of the sweep: who holds one writes nothing more, and sends nothing once it has
   * noticed. New ones can be taken.
   * @throws SweepFencedError
   */
  voidOtherFences(chunk: ChunkFence): Promise<void>;
  /** Confirms that the fence still holds, and that the ledger can be written: by a write that changes nothing. @throws SweepFencedError */
  confirmFence(chunk: ChunkFence): Promise<void>;
  /**
   * Records the intent for the next users of a range and answers them decrypted. First come users of whom an earlier
   * attempt left an intent without an outcome, flagged `unsettled`; then those never begun and those deferred whose
   * time has come, by seq.
   *
   * Users on hold are not answered: in the same statement they get the outcome `held` and a receipt of the step `hold`;
   * one who is also unsettled gets `unknown`, because a call may have gone out before the hold.
   *
   * @returns An empty list when nobody of the range can be opened now.
   * @throws SweepFencedError, and nothing was recorded.
   * @throws SweepNotYoursError, and nothing was recorded.
   * @throws SweepBarredError when something forbids to send: a missing approval, a limit or a stop. Nothing was recorded.
   * @throws SweepReleasedError, and nothing was recorded.
   */
  openWave(wave: OpenWave): Promise<OpenUser[]>;
  /**
   * Writes what became of up to 250 users, with their receipts, in one statement. A settled user counts under the worst
   * outcome of its receipts. What is already written stays: repeating it changes nothing.
   * @throws SweepFencedError, and nothing was written.
   */
  flushWave(flush: FlushWave): Promise<void>;
  /** What earlier receipts tell about each of these users; the answers are in the order of the users. */
  readHistories(users: readonly { subjects: readonly string[] }[]): Promise<SubjectHistory[]>;
  /**
   * What this very sweep has already removed of these users, by the receipts of its earlier rounds and in their order, for
   * each seq; a user of whom it removed nothing is absent. Items that it has only seen do not count.
   */
  readRemovals(query: { sweepId: string; seqs: readonly number[] }): Promise<ReadonlyMap<number, readonly Removal[]>>;
  /** Those of these users for whom this very sweep has done something, or found it done, whatever became of the rest. */
  readPartlyDone(query: { sweepId: string; seqs: readonly number[] }): Promise<ReadonlySet<number>>;

  /**
   * One user of a sweep, decrypted, for a run of its own; undefined when there is none, or its ids were purged.
   * @throws SweepReleasedError
   */
  readUser(target: { sweepId: string; seq: number }): Promise<TargetRow | undefined>;
  /** Whether the user has an intent and no outcome yet, so that calls may be made. */
  isOpen(target: { sweepId: string; seq: number }): Promise<boolean>;
  /**
   * Each user once; the numbers add up to `total`. Reads every target of the range, or of the sweep: a million take some
   * tenths of a second, in which libSQL does nothing else. To be asked for often, add up ranges that are done.
   */
  count(sweepId: string, range?: { from: number; to: number }): Promise<SweepCounts>;
  /** How many users failed or are unknown, of those who are done or wait for a bulk call only. Cheap, for the tolerance. */
  countFailed(sweepId: string): Promise<number>;
  /** Where users are pending or open, in stretches of `chunkSize`, page by page. */
  readUnfinished(query: UnfinishedQuery): Promise<UnfinishedRanges>;
  /** Lets all deferred users of a range be opened at once, whatever time they were to wait for. */
  makeDue(range: { sweepId: string; from: number; to: number }): Promise<void>;

  /** How many users wait for a bulk call, by app. */
  readyForBulk(sweepId: string): Promise<Record<string, number>>;
  /**
   * Records the intent of a bulk call for the next users of an app, by seq, and answers them decrypted. Users on hold
   * are left out as in `openWave`, under the given step. Users of a call whose end was never recorded come again:
   * deleting at Batch is repeat-safe.
   * @throws SweepFencedError
   * @throws SweepNotYoursError
   * @throws SweepBarredError as `openWave` does.
   * @throws SweepReleasedError
   */
  openBulk(bulk: OpenBulk): Promise<BulkUser[]>;
  /**
   * Writes what became of users of a bulk call, a receipt for each. A user who waits for no other app is done then.
   * Repeating it changes nothing.
   * @throws SweepFencedError
   */
  recordBulk(bulk: RecordBulk): Promise<void>;
  /**
   * Takes back what `openBulk` recorded for users of whom the caller knows that no call has gone out, so that they wait
   * as before. Who was unsettled already when they were opened stays so, as do users whom somebody else opened since.
   */
  handBackBulk(bulk: OpenedForBulk): Promise<void>;
  /**
   * Notes that a call with these users may have reached Batch without its answer being known. If a hold keeps them from
   * being sent again, they are `unknown` and not `held`.
   */
  notePerhapsSent(bulk: OpenedForBulk): Promise<void>;

  /** Receipts of the sweep, by seq; at least `limit` of them unless there are no more, never half a user's. */
  readReceipts(page: { sweepId: string; afterSeq: number; limit: number }): Promise<Receipt[]>;
  /**
   * Adds up all receipts in the database: how many say what, and when users came to their end. Works in slices of a
   * fraction of a second each; while the sweep runs, later slices are newer than earlier ones.
   * @param of.onProgress Called after each slice with the number of users so far.
   */
  summarise(of: { sweepId: string; onProgress?: (users: number) => void }): Promise<SweepSummary>;
  /**
   * The users whose worst step so far had one of these outcomes: how many, and all settled receipts of the first
   * `limit`, by seq.
   */
  readUsersWithOutcome(of: { sweepId: string; outcomes: readonly Outcome[]; limit: number }): Promise<UsersWithOutcome>;
  /**
   * Closes the sweep for every chunk and writes the Merkle root over its receipts (see `leaf.ts`). Works through them
   * in slices and may be repeated: what is sealed stays as it is.
   * @param seal.onProgress Called after each slice with the number of receipts so far, for heartbeats.
   * @returns The root in hex.
   */
  seal(seal: {
    sweepId: string;
    onProgress?: (receipts: number) => void;
  }): Promise<{ merkleRoot: string; leaves: number }>;
  /**
   * Computes the root anew from the receipts and names every one that was changed, added or removed since the sealing.
   * @param verify.expectedRoot In hex, from outside of the ledger: the workflow's result.
   * @throws SweepConflictError when the sweep is not sealed.
   */
  verify(verify: {
    sweepId: string;
    expectedRoot?: string;
    onProgress?: (receipts: number) => void;
  }): Promise<Verification>;
  /** The row IDs of those receipts of these users (seq) that are under the ledger's own seal; none without a seal. */
  readSealed(range: { sweepId: string; from: number; to: number }): Promise<ReadonlySet<number>>;
  /**
   * Proves for all receipts of up to 1,000 users that they are under the root.
   * @throws SweepConflictError when the sweep is not sealed.
   */
  prove(proof: { sweepId: string; seqs: readonly number[] }): Promise<ReceiptProof[]>;
  /**
   * Proves it for every receipt of the sweep, in the order of the tree, of which it keeps 64 bytes for each.
   * @throws SweepConflictError when the sweep is not sealed, or its receipts are not those that were.
   */
  proveAll(proof: { sweepId: string }): AsyncIterable<ReceiptProof>;

  /**
   * Deletes the ids of every user who is done, apart from the failed and unknown ones, in slices.
   * @returns How many users' ids were deleted by this call.
   */
  purge(purge: { sweepId: string; onProgress?: (users: number) => void }): Promise<number>;
  /**
   * Encrypts the IDs that are left under a new key and destroys the first one, in slices: IDs that were purged can then be
   * read from no old row, log or copy of the database that lacks the first key. Does nothing the second time. May be
   * interrupted anywhere and repeated by any process; the IDs are readable throughout.
   * @param rekey.onProgress Called after each slice with the number of users so far, for heartbeats.
   * @throws SweepReleasedError
   */
  rekey(rekey: { sweepId: string; onProgress?: (users: number) => void }): Promise<void>;
  /** Sweeps that ended before this time (ISO 8601) and whose IDs are still under their first key, the oldest first. */
  listEndedUnderFirstKey(endedBefore: string): Promise<string[]>;
  /** Destroys the sweep's key: no id in it can be read any more, by nobody. Receipts and counts stay. */
  release(sweepId: string): Promise<void>;
  /**
   * Releases every sweep at which nobody has worked since this time (ISO 8601), whether it has ended or was given up: it
   * was made before, and no user was opened since. Answers their ids.
   */
  releaseUntouchedSince(time: string): Promise<string[]>;
}
