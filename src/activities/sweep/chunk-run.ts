import { setTimeout as delay } from 'node:timers/promises';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { DailyLimit, SubjectHistory } from '../../ledger/ledger';
import type { SaveProgress, RecordedProgress } from '../../ledger/sweeps/target-progress';
import { SweepFencedError } from '../../ledger/sweeps/sweep-errors';
import { MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type {
  Opener,
  SweepRow,
  ChunkFence,
  DeferredUser,
  OpenUser,
  Removal,
  SettledUser,
} from '../../ledger/sweeps/sweep-types';
import type { ChunkEnd, ChunkInput, RefusedKey } from './contract';
import type { ChunkDependencies } from './sweep-dependencies';
import type { KeySlot, RateBacklog } from './process-limits';
import { stepsOfSweep, SweepSteps } from './sweep-steps';

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

  /** Returns the users in progress: they are blocked for longer. */
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

/**
 * How long the ledger's last confirmation of the fence permits sending, in milliseconds: a process that was suspended
 * for longer may have been given up, and another one may work on its users.
 */
const FENCE_HOLDS_MS = 5_000;

/** Age of a confirmation after which a new one is requested, in milliseconds. */
const CONFIRM_AFTER_MS = 2_000;

/** Pause between attempts to reach an unavailable ledger, in milliseconds. */
const RETRY_MS = 250;

/** How long an unavailable ledger is waited for after a cancellation, in milliseconds. */
const RETRIES_AFTER_STOP_MS = 5_000;

/** One attempt's view of the ledger: it writes under the attempt's fence and knows when the ledger last confirmed it. */
export class FencedLedger {
  readonly #holds: ChunkDependencies['ledger'];
  readonly #sweeps: ChunkDependencies['ledger']['sweeps'];
  readonly #chunk: ChunkFence;
  readonly #opener: Opener;
  /** Aborts when the chunk has to stop. */
  readonly #stopped: AbortSignal;
  #confirmedAtMs: number;
  #confirming: Promise<void> | undefined;
  #fenced = false;
  #waves = 0;
  /**
   * A reading of `performance.now()` until which an attempt that was taken over may still send, since it has not
   * noticed.
   */
  readonly othersMaySendUntilMs = performance.now() + FENCE_HOLDS_MS;

  private constructor(
    ledger: ChunkDependencies['ledger'],
    { claimedBy, ...chunk }: ChunkFence & Opener,
    stopped: AbortSignal,
    confirmedAtMs: number,
  ) {
    this.#holds = ledger;
    this.#sweeps = ledger.sweeps;
    this.#chunk = chunk;
    this.#opener = { claimedBy };
    this.#stopped = stopped;
    this.#confirmedAtMs = confirmedAtMs;
  }

  /** Takes the chunk over from any earlier attempt. */
  static async take(
    ledger: ChunkDependencies['ledger'],
    chunk: Omit<ChunkFence, 'fence'> & Opener,
    stopped: AbortSignal,
  ): Promise<FencedLedger> {
    const beganAtMs = performance.now();
    const { sweepId, chunkId } = chunk;
    const fence = await ledger.sweeps.takeFence({ sweepId, chunkId });
    return new FencedLedger(ledger, { ...chunk, fence }, stopped, beganAtMs);
  }

  /** Whether another attempt has taken over: nothing may be written or sent any more. */
  get fenced(): boolean {
    return this.#fenced;
  }

  /** A reading of `performance.now()` until which the last confirmation permits sending. */
  get sendableUntilMs(): number {
    return this.#confirmedAtMs + FENCE_HOLDS_MS;
  }

  get needsConfirmation(): boolean {
    return performance.now() > this.#confirmedAtMs + CONFIRM_AFTER_MS;
  }

  async openWave(range: { from: number; to: number }, limit: number, daily?: DailyLimit): Promise<OpenUser[]> {
    this.#waves += 1;
    const wave = this.#waves;
    return this.#confirmedBy(() =>
      this.#sweeps.openWave({ ...this.#chunk, ...this.#opener, range, wave, limit, daily }),
    );
  }

  async flush(users: readonly (SettledUser | DeferredUser)[]): Promise<void> {
    await this.#confirmedBy(() => this.#sweeps.flushWave({ ...this.#chunk, users }));
  }

  /** Records the progress of users; nothing more is sent for them before that. */
  async saveProgress(users: SaveProgress['users']): Promise<void> {
    await this.#confirmedBy(() => this.#sweeps.saveProgress({ ...this.#chunk, users }));
  }

  /** Returns the progress of these users in earlier rounds of this sweep, by seq. */
  readProgress(users: readonly OpenUser[]): Promise<ReadonlyMap<number, RecordedProgress>> {
    const { sweepId } = this.#chunk;
    return this.#patiently(() => this.#sweeps.readProgress({ sweepId, seqs: users.map(({ seq }) => seq) }));
  }

  /** Requests a confirmation of the fence; any number of callers share one request. */
  confirm(): Promise<void> {
    this.#confirming ??= this.#confirmedBy(() => this.#sweeps.confirmFence(this.#chunk)).finally(() => {
      this.#confirming = undefined;
    });
    return this.#confirming;
  }

  readHistories(users: readonly { subjects: readonly string[] }[]): Promise<SubjectHistory[]> {
    return users.length === 0 ? Promise.resolve([]) : this.#patiently(() => this.#sweeps.readHistories(users));
  }

  /** Returns what earlier rounds of this sweep removed of these users, by seq. */
  readRemovals(users: readonly OpenUser[]): Promise<ReadonlyMap<number, readonly Removal[]>> {
    const { sweepId } = this.#chunk;
    return this.#patiently(() => this.#sweeps.readRemovals({ sweepId, seqs: users.map(({ seq }) => seq) }));
  }

  /** Returns the number of failed and unknown users of the whole sweep; undefined when the ledger is unavailable. */
  async countFailed(): Promise<number | undefined> {
    try {
      return await this.#sweeps.countFailed(this.#chunk.sweepId);
    } catch (error) {
      if (error instanceof LedgerUnavailableError) return undefined;
      throw error;
    }
  }

  forbids(subjects: readonly string[]): Promise<'held' | 'stopped' | undefined> {
    return this.#patiently(() => this.#holds.forbids(subjects));
  }

  /** Notes the time of the request, the earliest moment at which the ledger may have confirmed the fence. */
  #confirmedBy<T>(work: () => Promise<T>): Promise<T> {
    return this.#patiently(async () => {
      const beganAtMs = performance.now();
      const response = await work();
      this.#confirmedAtMs = Math.max(this.#confirmedAtMs, beganAtMs);
      return response;
    });
  }

  /**
   * Repeats until the ledger responds: what was done must be recorded, and nothing continues without it.
   *
   * @throws SweepFencedError
   * @throws LedgerUnavailableError some seconds after the chunk was cancelled.
   */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    let stoppedAtMs: number | undefined;
    for (;;) {
      if (this.#fenced) throw new SweepFencedError(this.#chunk.chunkId);
      try {
        return await work();
      } catch (error) {
        if (error instanceof SweepFencedError) this.#fenced = true;
        if (!(error instanceof LedgerUnavailableError)) throw error;
        if (this.#stopped.aborted) stoppedAtMs ??= performance.now();
        if (stoppedAtMs !== undefined && performance.now() - stoppedAtMs > RETRIES_AFTER_STOP_MS) throw error;
      }
      await delay(RETRY_MS);
    }
  }
}
