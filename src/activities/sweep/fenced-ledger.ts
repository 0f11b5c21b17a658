import { setTimeout as delay } from 'node:timers/promises';
import { LedgerUnavailableError } from '../../ledger/ledger';
import type { DailyLimit, SubjectHistory } from '../../ledger/ledger';
import { SweepFencedError } from '../../ledger/sweeps/sweep-errors';
import type { ChunkFence, DeferredUser, Opener, OpenUser, Removal, SettledUser } from '../../ledger/sweeps/sweep-types';
import type { ChunkDependencies } from './chunk-dependencies';
import type { RecordedProgress, SaveProgress } from '../../ledger/sweeps/progress-types';

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
const PATIENCE_AFTER_STOP_MS = 5_000;

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
        if (stoppedAtMs !== undefined && performance.now() - stoppedAtMs > PATIENCE_AFTER_STOP_MS) throw error;
      }
      await delay(RETRY_MS);
    }
  }
}
