import { setMaxListeners } from 'node:events';
import type { SubjectHistory } from '../../ledger/ledger';
import { SweepFencedError, SweepSealedError } from '../../ledger/sweeps/sweep-errors';
import type { OpenUser } from '../../ledger/sweeps/sweep-types';
import { ChunkRun } from './chunk-run';
import type { ChunkControl, ChunkDependencies, ChunkInput, ChunkProgress, ChunkResult } from './chunk-types';
import { FencedLedger } from './fenced-ledger';
import { OutcomeBuffer } from './outcome-buffer';
import { UserRun } from './user-run';

const BEGIN_FOR_MS = 60_000;
const NO_HISTORY: SubjectHistory = { steps: [], items: [] };

const HEARTBEAT_MS = 2_000;
const FENCE_CHECK_MS = 500;

/** Users of one wave; half of what a process may hold open, so that one half is under way while the other is written. */
const WAVE = { most: 125, least: 60 };

/**
 * Off-boards the users of one chunk, many at once: takes the chunk over from any earlier attempt, records the intent of
 * a wave of users in one statement, drives the machine of each, and writes what became of them in few statements.
 *
 * Most of it cannot be undone. It may be repeated at any time, also while an earlier attempt still runs or after its
 * process was killed or frozen: users with an intent and no outcome are looked at before anything is sent again, and an
 * attempt that is not the latest writes and sends nothing more.
 *
 * A ledger that is away is waited for; nothing is sent meanwhile.
 *
 * @throws LedgerUnavailableError when the ledger is away at the start, or some seconds after a cancellation.
 * @throws UnknownSweepError
 * @throws SweepReleasedError
 */
export async function runChunk(input: ChunkInput, dependencies: ChunkDependencies, control: ChunkControl = {}): Promise<ChunkResult> {
  const stop = new AbortController();
  // Every user who waits listens to this one signal.
  setMaxListeners(0, stop.signal);
  try {
    const ledger = await FencedLedger.take(dependencies.ledger, { sweepId: input.sweepId, chunkId: input.chunkId }, stop.signal);
    return await new ChunkAttempt(new ChunkRun(input, ledger, stop, dependencies), control).execute();
  } catch (error) {
    if (!(error instanceof SweepFencedError || error instanceof SweepSealedError)) throw error;
    return { opened: 0, settled: 0, waitingForBulk: 0, deferred: 0, outcomes: {}, end: 'fenced' };
  }
}

class ChunkAttempt {
  readonly #run: ChunkRun;
  readonly #control: ChunkControl;
  readonly #outcomes: OutcomeBuffer;
  readonly #underWay = new Set<Promise<void>>();
  #opened = 0;
  /** What ends the attempt with an error, once everything that is known is written. */
  #error: Error | undefined;

  constructor(run: ChunkRun, control: ChunkControl) {
    this.#run = run;
    this.#control = control;
    this.#outcomes = new OutcomeBuffer(
      (users) => this.#noting(() => run.ledger.flush(users)),
      (users) => run.limits.openUsers.giveBack(users),
    );
  }

  async execute(): Promise<ChunkResult> {
    const cancel = (): void => this.#run.stopCancelled();
    const { signal } = this.#control;
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel);
    const heartbeat = setInterval(() => this.#control.heartbeat?.(this.#progress), HEARTBEAT_MS);
    const fenceCheck = setInterval(() => this.#confirmFence(), FENCE_CHECK_MS);
    try {
      const end = await this.#openWaves().catch(() => 'rangeDone' as const);
      await Promise.all(this.#underWay);
      await this.#outcomes.drain();
      const { nextTryAt } = this.#outcomes;
      const result = { ...this.#progress, end, ...this.#run.reason, ...(nextTryAt !== undefined && { nextTryAt }) };
      if (this.#error !== undefined && result.end !== 'fenced') throw this.#error;
      return result;
    } finally {
      clearInterval(heartbeat);
      clearInterval(fenceCheck);
      signal?.removeEventListener('abort', cancel);
    }
  }

  get #progress(): ChunkProgress {
    return { opened: this.#opened, ...this.#outcomes.tally };
  }

  async #openWaves(): Promise<'rangeDone' | 'time'> {
    const { ledger, limits, stopped, input } = this.#run;
    const range = { from: input.fromSeq, to: input.toSeq };
    const untilMs = performance.now() + (input.beginForMs ?? BEGIN_FOR_MS);
    for (;;) {
      const places = await limits.openUsers.take(WAVE, stopped);
      let begun = 0;
      try {
        if (stopped.aborted || performance.now() > untilMs) return 'time';
        const users = await this.#noting(() => ledger.openWave(range, places));
        if (users.length === 0) return 'rangeDone';
        const histories = await this.#noting(() => ledger.readHistories(users));
        begun = users.length;
        users.forEach((user, index) => this.#begin(user, histories[index] ?? NO_HISTORY));
      } finally {
        limits.openUsers.giveBack(places - begun);
      }
    }
  }

  #begin(user: OpenUser, history: SubjectHistory): void {
    this.#opened += 1;
    const underWay = this.#drive(user, history).finally(() => this.#underWay.delete(underWay));
    this.#underWay.add(underWay);
  }

  /** A user whose drive cannot be brought to an outcome stays open in the ledger, for the next attempt to settle. */
  async #drive(user: OpenUser, history: SubjectHistory): Promise<void> {
    try {
      this.#outcomes.add(await this.#noting(() => new UserRun(this.#run, user, history).drive()));
    } catch {
      this.#run.limits.openUsers.giveBack(1);
    }
  }

  /** Keeps the fence confirmed also while nothing is written, so that calls may go on; and notices when it is lost. */
  #confirmFence(): void {
    if (this.#run.ledger.fenced || !this.#run.ledger.needsConfirmation) return;
    this.#noting(() => this.#run.ledger.confirm()).catch(() => undefined);
  }

  /** Stops the attempt when the ledger says something that it cannot go on with. */
  async #noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof SweepFencedError) this.#run.stopFenced();
      else {
        this.#error ??= error instanceof Error ? error : new Error(String(error));
        this.#run.stopCancelled();
      }
      throw error;
    }
  }
}
