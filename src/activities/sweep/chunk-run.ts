import type { ChunkDependencies } from './chunk-dependencies';
import { MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type { Opener, SweepRow } from '../../ledger/sweeps/sweep-types';
import type { ChunkEnd, ChunkInput, RefusedKey } from './contract';
import type { FencedLedger } from './fenced-ledger';
import type { KeySlot, RateBacklog } from './key-slot';
import { stepsOfSweep } from './sweep-plan';
import { SweepSteps } from './sweep-steps';
import type { SaveProgress } from '../../ledger/sweeps/progress-types';

/** Why nothing more is started. */
interface StopReason {
  end: Exclude<ChunkEnd, 'rangeDone'>;
  unauthorized?: RefusedKey;
}

/** The input of a chunk, and the run that it works for. */
export type ChunkWork = ChunkInput & Pick<Opener, 'claimedBy'> & Pick<SweepRow, 'stepsPlan'>;

/**
 * What the users of one attempt at a chunk have in common: how to send, and whether they still may.
 *
 * Modes of an attempt:
 * - **beginning**: waves of users are opened. Ends when the range has no more users, when its time is over, or when it
 *   is stopped.
 * - **late**: its time is over (`timeIsOver`). No user is begun; those in progress finish, unless their provider asks to
 *   wait. Ends when all have finished, or a while later with `stopLate`.
 * - **stopped**: nothing more is sent. What is in flight finishes and is recorded; users who are not finished are
 *   deferred as they are. Starts with the first of: cancelled, an unauthorized key, late, `http-tasks stop`, more
 *   failures than tolerated, or an error, which the attempt throws at its end. The first reason is reported.
 * - **fenced**: a later attempt has taken the chunk over, or the sweep is sealed. Replaces every other reason, because
 *   nothing can be written any more. Ends with the attempt, as do all modes.
 */
export class ChunkRun {
  readonly input: ChunkWork;
  readonly ledger: FencedLedger;
  readonly dependencies: Omit<ChunkDependencies, 'ledger'>;
  /** What is done for each user; compiled once for all of them. */
  readonly steps: SweepSteps;
  /** Records the progress of users before their next calls. */
  readonly records: ProgressRecords;
  /** The keys that its calls have used. */
  readonly slots = new Set<KeySlot>();
  /** A reading of `performance.now()`. */
  readonly beganAtMs = performance.now();
  readonly #stop: AbortController;
  #reason: StopReason | undefined;
  #error: Error | undefined;
  #isLate = false;

  constructor(
    input: ChunkWork,
    ledger: FencedLedger,
    stop: AbortController,
    dependencies: Omit<ChunkDependencies, 'ledger'>,
  ) {
    this.input = input;
    this.ledger = ledger;
    this.#stop = stop;
    this.dependencies = dependencies;
    this.steps = new SweepSteps(stepsOfSweep(input, input.plan, dependencies), dependencies.services);
    this.records = new ProgressRecords((users) => ledger.saveProgress(users));
  }

  /**
   * Aborts when nothing more may be started. One signal for the chunk: one for each call would halve the throughput.
   */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Why it was stopped; absent when it was not, or when an error stopped it. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  /** The error that stopped it, if the chunk has no result for it. */
  get error(): Error | undefined {
    return this.#reason ? undefined : this.#error;
  }

  /** Those of them whose rate is the bottleneck. */
  get paced(): RateBacklog[] {
    return [...this.slots].flatMap(({ backlog }) => (backlog.isPaced ? [backlog] : []));
  }

  /** Its time is over: users in progress finish, unless their provider asks to wait. */
  get isLate(): boolean {
    return this.#isLate;
  }

  timeIsOver(): void {
    this.#isLate = true;
  }

  stopCancelled(): void {
    this.#stopBecause({ end: 'cancelled' });
  }

  stopUnauthorized(unauthorized: RefusedKey): void {
    this.#stopBecause({ end: 'unauthorized', unauthorized });
  }

  /** Hands back the users in progress: they are blocked for longer. */
  stopLate(): void {
    this.#stopBecause({ end: 'time' });
  }

  /** Stops for `http-tasks stop`: users are deferred as they are. */
  stopStopped(): void {
    this.#stopBecause({ end: 'stopped' });
  }

  stopForTolerance(): void {
    this.#stopBecause({ end: 'tolerance' });
  }

  /** Stops because nothing can be written any more; replaces any earlier reason. */
  stopFenced(): void {
    this.#reason = { end: 'fenced' };
    this.#stop.abort();
  }

  stopFailed(error: Error): void {
    this.#error ??= error;
    this.#stop.abort();
  }

  #stopBecause(reason: StopReason): void {
    if (this.#error === undefined) this.#reason ??= reason;
    this.#stop.abort();
  }
}

type SavedProgress = SaveProgress['users'][number];

interface Waiting {
  user: SavedProgress;
  written: () => void;
  failed: (error: unknown) => void;
}

/**
 * Records the progress of users before their next calls are sent, many users in one statement: what arrives while one
 * statement is in progress is written by the next.
 */
class ProgressRecords {
  readonly #write: (users: readonly SavedProgress[]) => Promise<void>;
  #waiting: Waiting[] = [];
  #isWriting = false;

  constructor(write: (users: readonly SavedProgress[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when it is written. @throws What the ledger throws. */
  write(user: SavedProgress): Promise<void> {
    return new Promise((written, failed) => {
      this.#waiting.push({ user, written, failed });
      // Others of the same turn are written together with it.
      if (!this.#isWriting) setImmediate(() => void this.#writeAll());
    });
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const part = this.#waiting.splice(0, MOST_USERS_IN_A_WAVE);
      try {
        await this.#write(part.map(({ user }) => user));
        for (const { written } of part) written();
      } catch (error) {
        for (const { failed } of part) failed(error);
      }
    }
    this.#isWriting = false;
  }
}
