import { MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type { DeferredUser, SettledUser } from '../../ledger/sweeps/sweep-types';
import { OUTCOMES, worstOutcome } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import type { ChunkProgress } from './contract';

/**
 * Number of outcomes that are written together: half of the open users, so that the other half is in progress
 * meanwhile.
 */
const FLUSH_AT = 125;

/** Maximum time that an outcome waits for others, in milliseconds. */
const FLUSH_AFTER_MS = 1_000;

/**
 * The same limits while a chunk waits for places: one statement for each user would keep the process busy with the
 * ledger, and many more would delay the waiting chunk. With responses after 20 ms, sweeps took a seventh less time than
 * with every outcome written immediately (docs/benchmarks.md).
 */
const AWAITED_AT = 40;
const AWAITED_AFTER_MS = 30;

type Ended = SettledUser | DeferredUser;

/** Collects the outcomes of users, and writes them in few statements. */
export class OutcomeBuffer {
  readonly #flush: (users: readonly Ended[]) => Promise<void>;
  readonly #written: (users: number) => void;
  readonly #isAwaited: () => boolean;
  readonly #pending: Ended[] = [];
  #flushing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #awaited: NodeJS.Timeout | undefined;
  readonly #tally: Omit<ChunkProgress, 'opened'> = { settled: 0, waitingForBulk: 0, deferred: 0, outcomes: {} };
  #nextTryAt: string | undefined;
  #failed = 0;

  /**
   * @param flush Writes outcomes, and rejects only when they can never be written by this attempt.
   * @param written Called with the number of users that have left the buffer, also when they could not be written.
   * @param isAwaited Whether a chunk waits for users to leave the buffer, so that none should stay in it for long.
   */
  constructor(
    flush: (users: readonly Ended[]) => Promise<void>,
    written: (users: number) => void,
    isAwaited: () => boolean,
  ) {
    this.#flush = flush;
    this.#written = written;
    this.#isAwaited = isAwaited;
  }

  add(user: Ended): void {
    this.#pending.push(user);
    this.#flushSoon();
  }

  /** Writes the buffered outcomes without waiting for more. */
  flushNow(): void {
    if (this.#pending.length > 0) void this.#flushPending();
  }

  /** Writes all remaining outcomes. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0 || this.#flushing) await this.#flushPending();
  }

  /** What was written to the ledger. */
  get tally(): Omit<ChunkProgress, 'opened'> {
    return { ...this.#tally, outcomes: { ...this.#tally.outcomes } };
  }

  /** Number of users of the tally who failed or are unknown, including those who wait for a bulk call. */
  get failed(): number {
    return this.#failed;
  }

  /** When the first of the deferred users may be tried again. */
  get nextTryAt(): string | undefined {
    return this.#nextTryAt;
  }

  #flushSoon(): void {
    const isAwaited = this.#pending.length > 0 && this.#isAwaited();
    if (this.#pending.length >= (isAwaited ? AWAITED_AT : FLUSH_AT)) void this.#flushPending();
    else if (isAwaited) this.#awaited ??= setTimeout(() => void this.#flushPending(), AWAITED_AFTER_MS);
    else if (this.#pending.length > 0) this.#timer ??= setTimeout(() => void this.#flushPending(), FLUSH_AFTER_MS);
  }

  /** Writes one statement at a time, so that the outcomes of one chunk never wait for one another in the ledger. */
  #flushPending(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#awaited);
    this.#timer = undefined;
    this.#awaited = undefined;
    this.#flushing ??= this.#flushOnce().finally(() => {
      this.#flushing = undefined;
      this.#flushSoon();
    });
    return this.#flushing;
  }

  async #flushOnce(): Promise<void> {
    const users = this.#pending.splice(0, MOST_USERS_IN_A_WAVE);
    try {
      await this.#flush(users);
      for (const user of users) this.#count(user);
    } catch {
      // The writer has recorded why; the users stay open in the ledger, for the next attempt to settle.
    }
    this.#written(users.length);
  }

  #count(user: Ended): void {
    const tally = this.#tally;
    if (user.kind === 'deferred') {
      tally.deferred += 1;
      // A user who waits for a manual step is not tried before a report.
      const isDue = user.waitsFor === undefined;
      if (isDue && (this.#nextTryAt === undefined || user.notBefore < this.#nextTryAt))
        this.#nextTryAt = user.notBefore;
      return;
    }
    const worst = worstOf(user);
    if (worst === 'failed' || worst === 'unknown') this.#failed += 1;
    if ((user.bulkApps ?? []).length > 0) {
      tally.waitingForBulk += 1;
      return;
    }
    tally.settled += 1;
    if (worst !== undefined) tally.outcomes[worst] = (tally.outcomes[worst] ?? 0) + 1;
  }
}

/** Returns the outcome under which a settled user is counted; undefined for one without any step. */
export function worstOf({ receipts }: Pick<SettledUser, 'receipts'>): Outcome | undefined {
  const outcomes = receipts.map(({ outcome }) => outcome);
  return worstOutcome(OUTCOMES.filter((outcome) => outcomes.includes(outcome)));
}
