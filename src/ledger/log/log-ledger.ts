import type { RunReceipt } from './contents';
import type { LeafKind } from './leaf-kind';
import type { RowOutside } from './not-in-log';
import type { Purged } from './purge-runs';

/** A checkpoint of the log as stored. */
export interface Checkpoint {
  /** Number of leaves. */
  size: number;
  /** In hex. */
  root: string;
  /** The whole signed note (C2SP), or its text with the line `unsigned` while there is no seal key. */
  note: string;
  signed: boolean;
  /** ISO 8601, UTC. */
  at: string;
}

/** The result of `LogLedger.seal`. */
export interface SealedLog {
  /** Leaves that this call added. */
  added: number;
  /** The latest checkpoint. */
  checkpoint: Checkpoint;
  /** Whether this call wrote it. */
  written: boolean;
}

/** What a leaf of the log is about and what was hashed. */
export interface LogContent {
  /** Its place in the tree, from 0. */
  number: number;
  kind: LeafKind;
  ref: string;
  content: string;
}

/** A leaf of the log. */
export interface LogLeaf {
  number: number;
  kind: LeafKind;
  /** The leaf hash in hex. */
  leaf: string;
  /** Absent once it was purged. */
  content?: string;
  ref?: string;
}

/**
 * The log of a ledger: one append-only Merkle tree (RFC 6962) over everything that is sealed. All methods reject with
 * `LedgerUnavailableError` when the database is unavailable.
 */
export interface LogLedger {
  /**
   * Adds what is queued to the log, and writes a checkpoint if the log has grown, the keys have changed, or the last
   * checkpoint is older than an hour. Safe in any number of processes; may be repeated.
   *
   * @param options.parts Whether running sweeps get a leaf for what they have recorded so far although they got one less
   * than ten minutes ago.
   */
  seal(options?: { parts?: boolean }): Promise<SealedLog>;
  /** Returns the name of the log, its size and root (in hex), and the verifier keys of this process. */
  state(): Promise<{ origin: string; size: number; root: string; keys: readonly string[]; queued: boolean }>;
  /** Returns the latest checkpoint, or undefined if there is none. */
  latest(): Promise<Checkpoint | undefined>;
  /** Returns the first signed checkpoint that covers a leaf, or else the first unsigned one. */
  covering(number: number): Promise<Checkpoint | undefined>;
  /** Returns the leaves about a thing, in the order of the log. */
  find(which: { kind: LeafKind; ref: string }): Promise<LogContent[]>;
  /** Returns the hashes next to the path from a leaf up to the root of the first `size` leaves, in hex. */
  proveInclusion(proof: { number: number; size: number }): Promise<string[]>;
  /** Returns the root of the first `size` leaves, in hex, computed from the stored leaves. */
  rootAt(size: number): Promise<string>;
  /** Returns the proof that the first `from` leaves are a prefix of the first `to`, in hex (RFC 6962, 2.1.2). */
  proveConsistency(proof: { from: number; to: number }): Promise<string[]>;
  /** Reads the receipts that a leaf of a run or call covers, in the order of its tree. */
  readCovered(content: string): Promise<RunReceipt[]>;
  /**
   * Returns what a leaf about this row would contain now, or undefined if the row is gone. Its own identity is taken from
   * the content.
   */
  contentNow(leaf: LogContent): Promise<string | undefined>;
  /** Returns rows that no leaf is about and that are not queued either, and holds that are not as the log says. */
  findOutside(): Promise<RowOutside[]>;
  /** Returns whose receipts were purged, as the log says. */
  readPurged(): Promise<Purged>;
  /**
   * Deletes the receipts and the compensation log of runs and calls that ended before this time (ISO 8601). Their leaves
   * stay, and the log says that they were purged.
   * @returns How many runs were purged, and whether there may be more.
   */
  purgeRuns(purge: { before: string }): Promise<{ runs: number; more: boolean }>;
  /** Returns leaves from a place on, at most `limit`. */
  readLeaves(page: { from: number; limit: number }): Promise<LogLeaf[]>;
}
