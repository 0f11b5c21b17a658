import type { Hold, HoldEnvironments, NewHold } from './ledger';

/**
 * What setting a hold does.
 *
 * - `set`: there was no hold of that ID.
 * - `extended`: there was, all its subjects are among the new ones, and it now covers the new ones too.
 * - `unchanged`: the hold of that ID already covers all of it.
 */
export type HoldChange = 'set' | 'extended' | 'unchanged';

/** One entry of the append-only log of holds. It contains no subject. */
export interface HoldLogEntry {
  /** Grows with each entry. */
  id: number;
  holdId: string;
  change: 'set' | 'extended' | 'lifted';
  /** Who changed it, as claimed by the calling process. */
  by?: string;
  /** Why the hold was changed, if the caller gave a reason. */
  why?: string;
  /** Why the user is held. */
  reason?: string;
  /** When the hold was set; ISO 8601, UTC. */
  heldSince?: string;
  environments?: HoldEnvironments;
  /** How many subjects the hold has, or had when it was lifted. */
  subjects: number;
  /** ISO 8601, UTC. */
  at: string;
}

/** Which holds to lift: the one with this ID, or every one that names any of these subjects. */
export type HoldsToLift = { holdId: string } | { subjects: readonly string[] };

/** Sets, lifts and lists holds. Rejects like `Ledger`. */
export interface HoldLedger {
  /**
   * Sets or extends all of them, or none. After it has resolved, no intent for any of their subjects is recorded.
   *
   * @throws HoldConflictError when a hold of the same ID names other subjects: a hold is about one user.
   */
  set(holds: readonly NewHold[]): Promise<HoldChange[]>;
  /** Returns what `set` would do with each of them, in their order. Changes nothing. */
  compare(holds: readonly NewHold[]): Promise<(HoldChange | 'conflict')[]>;
  /** Returns each of these subjects that is held, once for each hold; by the condition of `Ledger.isHeld`. */
  naming(subjects: readonly string[]): Promise<{ subject: string; holdId: string }[]>;
  /** Returns whole holds: those with these IDs, or a page of all of them in the order of their IDs. */
  list(which: { holdIds: readonly string[] } | { afterHoldId?: string; limit: number }): Promise<Hold[]>;
  /** Lifts holds and appends who did it and why to the log. Returns how many were lifted. */
  lift(which: HoldsToLift, record?: { by?: string; why?: string }): Promise<number>;
  /** Returns a page of the log, oldest first; of one hold when it is named. */
  readLog(which: { holdId?: string; afterId?: number; limit: number }): Promise<HoldLogEntry[]>;
  /** Returns how many holds cover an environment that the ledger does not know: those of 0.1.0. */
  countUnknown(): Promise<number>;
}

/** Holds with these IDs exist and name other subjects. Nothing was set. */
export class HoldConflictError extends Error {
  override readonly name = 'HoldConflictError';

  constructor(readonly holdIds: readonly string[]) {
    super(
      `holdId: a hold ${holdIds[0] ?? ''} exists and names other IDs. A hold applies to one user: give all IDs it was set with, or use another hold ID.`,
    );
  }
}
