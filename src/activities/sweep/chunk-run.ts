import type { ChunkDependencies } from './chunk-dependencies';
import type { Opener, SweepRow } from '../../ledger/sweeps/sweep-types';
import type { ChunkEnd, ChunkInput, RefusedKey } from './contract';
import type { FencedLedger } from './fenced-ledger';
import { ProgressRecords } from './progress-records';
import { stepsOfSweep } from './sweep-plan';
import { SweepSteps } from './sweep-steps';

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
