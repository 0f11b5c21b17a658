import { CancellationScope, patched } from '@temporalio/workflow';
import type { ChunkInput, ChunkResult, PlannedChunks, BulkResult } from '../../activities/sweep/contract';
import { DEFAULT_CHUNKS, FIRST_DEFAULT_CHUNKS } from '../../policy/sweep-input';
import { bulkWords } from '../../policy/sweep-result';
import { endedByStop, planChunks, runChunk, runBulk } from './sweep-activities';
import type { SweepState } from './sweep-state';

/**
 * Number of users in a chunk. A chunk without a rate limit takes a minute or two; the history of a sweep of a million users
 * stays small.
 */
const CHUNK_USERS = 2_000;

/** How long a chunk starts users, in milliseconds. Long, because Temporal Cloud bills each chunk. */
const BEGIN_FOR_MS = 300_000;

/** Maximum number of chunks in one response of the planning activity. */
const MAX_PLANNED_CHUNKS = 50;

/** The patch since which enough chunks run concurrently for several workers. */
const CHUNKS_FOR_SEVERAL_WORKERS = 'chunks-for-several-workers';

/** The result of one pass through the users. */
export interface PassEnd {
  /** Chunks were run, and at least one of them made progress. */
  moved: boolean;
  /** When the first of the deferred users may be retried. */
  earliestMs: number | undefined;
  /** The pass ended early, because the sweep is to stop or to continue as new. */
  left: boolean;
}

/** Passes once through all users who can be tried now, in chunks, several of them concurrently. */
export class UserChunks {
  readonly #state: SweepState;
  readonly #plan: ChunkInput['plan'];
  /** Whether no more chunks may be started. */
  readonly #mustStop: () => boolean;
  readonly #inProgress = new Set<Promise<void>>();
  #scope = new CancellationScope();
  #planned: PlannedChunks['chunks'] = [];
  #opened = 0;
  #earliestMs: number | undefined;
  #problem: Error | undefined;

  constructor(state: SweepState, plan: ChunkInput['plan'], mustStop: () => boolean) {
    this.#state = state;
    this.#plan = plan;
    this.#mustStop = mustStop;
  }

  /** Makes open chunks return the users they have not begun. */
  stop(): void {
    this.#scope.cancel();
  }

  /** Runs the chunks of one pass. */
  async pass(): Promise<PassEnd> {
    this.#scope = new CancellationScope();
    this.#opened = 0;
    this.#earliestMs = undefined;
    try {
      await this.#startAll();
    } finally {
      // Also after a cancellation: chunks then return their progress.
      await Promise.all(this.#inProgress);
      this.#planned = [];
    }
    if (this.#problem !== undefined) throw this.#problem;
    const left = this.#state.nextSeq < this.#state.counts.total;
    if (!left) this.#state.nextSeq = 0;
    return { moved: this.#opened > 0, earliestMs: this.#earliestMs, left };
  }

  async #startAll(): Promise<void> {
    const concurrency = this.#state.input.concurrency ?? this.#defaultChunks;
    for (let next = await this.#nextDue(); next; next = await this.#nextDue()) {
      await this.#placeFor(concurrency);
      if (this.#mustStop()) return;
      this.#planned.shift();
      this.#state.nextSeq = next.toSeq + 1;
      this.#start(next);
    }
  }

  get #defaultChunks(): number {
    // A run without local activities began later than this patch, and needs no event for it.
    const forSeveral = this.#state.hasNoLocalActivities || patched(CHUNKS_FOR_SEVERAL_WORKERS);
    return forSeveral ? DEFAULT_CHUNKS : FIRST_DEFAULT_CHUNKS;
  }

  /** Returns the next chunk with users who can be tried now; it stays in the plan. */
  async #nextDue(): Promise<PlannedChunks['chunks'][number] | undefined> {
    for (;;) {
      while (this.#planned.length > 0) {
        const [first] = this.#planned;
        if (first?.notBefore === undefined || Date.parse(first.notBefore) <= Date.now()) return first;
        this.#waitFor(first.notBefore);
        this.#planned.shift();
        this.#state.nextSeq = first.toSeq + 1;
      }
      if (this.#mustStop() || this.#state.nextSeq >= this.#state.counts.total) return undefined;
      await this.#planMore();
    }
  }

  async #planMore(): Promise<void> {
    const state = this.#state;
    const wasQuiet = this.#inProgress.size === 0;
    const planned = await planChunks(state, {
      chunkSize: CHUNK_USERS,
      limit: MAX_PLANNED_CHUNKS,
      fromSeq: state.nextSeq,
    });
    // The users of chunks in progress are counted when the chunks report.
    if (wasQuiet) state.count(planned);
    this.#planned = planned.chunks;
    if (planned.chunks.length === 0) state.nextSeq = planned.nextSeq ?? state.counts.total;
  }

  #start(chunk: PlannedChunks['chunks'][number]): void {
    const state = this.#state;
    state.begin();
    const run = this.#run(chunk)
      .catch((error: unknown) => {
        // What can be retried does not get here.
        if (endedByStop(error, this.#scope)) return;
        this.#problem ??= error instanceof Error ? error : new Error(String(error));
        this.#scope.cancel();
      })
      .finally(() => {
        state.finish();
        this.#inProgress.delete(run);
      });
    this.#inProgress.add(run);
  }

  async #run({ fromSeq, toSeq, users }: PlannedChunks['chunks'][number]): Promise<void> {
    const { sweepId, mostFailed, deadlineAtMs } = this.#state;
    const beginForMs = Math.max(1, Math.min(BEGIN_FOR_MS, deadlineAtMs - Date.now()));
    const summary = `Offboard users ${fromSeq + 1} to ${toSeq + 1}`;
    const input = {
      sweepId,
      fromSeq,
      toSeq,
      users,
      plan: this.#plan,
      beginForMs,
      ...(mostFailed !== undefined && { mostFailed }),
    };
    this.#take(await this.#scope.run(() => runChunk(input, { summary })));
  }

  #take(result: ChunkResult): void {
    const state = this.#state;
    this.#opened += result.opened;
    state.add(result.outcomes);
    state.waitingForBulk += result.waitingForBulk;
    if (result.nextTryAt !== undefined) this.#waitFor(result.nextTryAt);
    if (result.end === 'unauthorized' && result.unauthorized) state.pauseForKey(result.unauthorized);
    if (result.end === 'tolerance' || result.end === 'stopped') state.pause(result.end);
    if (result.end === 'notAllowed') state.pauseForRule(result.rule ?? '');
    state.pauseBeyondTolerance();
    if (state.isPaused) this.stop();
  }

  #waitFor(time: string): void {
    this.#earliestMs = Math.min(this.#earliestMs ?? Number.POSITIVE_INFINITY, Date.parse(time));
  }

  async #placeFor(concurrency: number): Promise<void> {
    while (this.#inProgress.size >= concurrency) await Promise.race(this.#inProgress);
  }
}

/** How long one activity sends bulk calls, in milliseconds. */
const BULK_FOR_MS = 60_000;

/**
 * Makes bulk calls for users whose other steps are done: all queues concurrently, the calls of one queue in sequence.
 */
export class BulkCalls {
  readonly #state: SweepState;
  #scope = new CancellationScope();

  constructor(state: SweepState) {
    this.#state = state;
  }

  /** Makes open activities return what they have not begun. */
  stop(): void {
    this.#scope.cancel();
  }

  /** Runs one activity for each queue with users. */
  async pass(apps: readonly string[]): Promise<PassEnd> {
    this.#scope = new CancellationScope();
    const results = await Promise.all(apps.map((app) => this.#run(app)));
    const waits = results.flatMap(({ nextTryAt }) => (nextTryAt === undefined ? [] : [Date.parse(nextTryAt)]));
    return {
      moved: results.some(({ end, calls }) => calls > 0 || end === 'done'),
      earliestMs: waits.length > 0 ? Math.min(...waits) : undefined,
      left: false,
    };
  }

  async #run(app: string): Promise<BulkResult> {
    const state = this.#state;
    const { sweepId, mostFailed, deadlineAtMs } = state;
    const beginForMs = Math.max(1, Math.min(BULK_FOR_MS, deadlineAtMs - Date.now()));
    state.begin();
    try {
      const input = { sweepId, app, beginForMs, ...(mostFailed !== undefined && { mostFailed }) };
      const { calls } = bulkWords(state.opened?.titles);
      const summary = `${calls[0]?.toUpperCase() ?? ''}${calls.slice(1)}: ${app}`;
      const result = await this.#scope.run(() => runBulk(input, { summary }));
      if (result.end === 'unauthorized' && result.unauthorized) state.pauseForKey(result.unauthorized);
      if (result.end === 'tolerance' || result.end === 'stopped') state.pause(result.end);
      if (result.end === 'notAllowed') state.pauseForRule(result.rule ?? '');
      if (state.isPaused) this.stop();
      return result;
    } catch (error) {
      if (endedByStop(error, this.#scope)) return { calls: 0, outcomes: {}, end: 'cancelled' };
      throw error;
    } finally {
      state.finish();
    }
  }
}
