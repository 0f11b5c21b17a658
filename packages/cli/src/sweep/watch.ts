import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { rateInShort } from '@temporal-http-tasks/evidence/internal/rate-words';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { ChunkProgress } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import type { SweepProgress, SweepResult } from 'temporal-http-tasks/internal/policy/sweep-result';
import { decodePayloads } from 'temporal-http-tasks/internal/starts/payloads';
import { CommandFailure } from '../program/errors';
import type { ExitCode, Io } from '../program/io';
import { failingTasks } from '../temporal/pollers';
import { withInterruption } from '../terminal/interruption';
import { print, printable, printJson } from '../terminal/output';
import { notesInLedger, sweepInLedger } from './ledger-view';
import { limitLines, mainLimit, readLimits } from './sweep-limits';
import { exitCodeOf, printSweep, sayNextSteps, toDocument } from './sweep-report';
import { describeSweep, queryProgress, resultOfSweep, unknownSweep } from './sweep-run';
import { showSweep } from './watch-display';
import type { WatchDisplay } from './watch-display';

/** The activity whose heartbeats report the progress of a chunk. */
const RUN_CHUNK = 'httpTasks.runChunk';

/** Number of attempts from which on a failure is shown: the first ones may fail for a passing reason. */
const WORTH_TELLING = 3;
const MOST_CHARACTERS = 160;

/** Returns the progress of the chunks in progress, from their last heartbeats. Chunks without one are left out. */
export async function readRunningChunks(
  client: Client,
  { raw }: WorkflowExecutionDescription,
): Promise<ChunkProgress[]> {
  const running = (raw.pendingActivities ?? []).filter(({ activityType }) => activityType?.name === RUN_CHUNK);
  const details = await Promise.all(
    running.map(({ heartbeatDetails }) => decodePayloads(client, heartbeatDetails?.payloads)),
  );
  return details.flatMap(([progress]) => (isChunkProgress(progress) ? [progress] : []));
}

/** Adds the progress of chunks to the workflow's, which counts a chunk only when it has ended. */
export function withRunningChunks(progress: SweepProgress, chunks: readonly ChunkProgress[]): SweepProgress {
  const counts = { ...progress.counts };
  let { waitingForBulk } = progress;
  for (const chunk of chunks) {
    waitingForBulk += chunk.waitingForBulk;
    for (const outcome of OUTCOMES) {
      const users = Math.min(chunk.outcomes[outcome] ?? 0, counts.pending);
      counts[outcome] += users;
      counts.pending -= users;
    }
  }
  return { ...progress, counts, waitingForBulk };
}

/**
 * Returns what keeps failing, for example because the ledger is unavailable: an activity of the sweep with many
 * attempts.
 */
export function troubleOf({ raw }: WorkflowExecutionDescription): string | undefined {
  const failing = (raw.pendingActivities ?? []).find(
    ({ attempt, lastFailure }) => (attempt ?? 1) >= WORTH_TELLING && lastFailure?.message,
  );
  if (!failing) return undefined;
  const [line = ''] = failing.lastFailure?.message?.split('\n') ?? [];
  const message = line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line;
  return `${failing.activityType?.name ?? 'an activity'} was tried ${failing.attempt} times: ${message}`;
}

function isChunkProgress(value: unknown): value is ChunkProgress {
  return typeof value === 'object' && value !== null && 'outcomes' in value && typeof value.outcomes === 'object';
}

const PAUSE_MS = 1_000;
const LIMITS_EVERY_MS = 2_000;

/** How long the server may be unavailable before watching ends, in milliseconds. */
const SERVER_AWAY_MS = 5 * 60_000;

/** Options of watching a sweep. */
export interface WatchOptions {
  client: Client;
  sweepId: string;
  json: boolean;
  /** Whether it was started as a dry run, where that is known. @default what the ledger says */
  dryRun?: boolean | undefined;
}

/**
 * Follows a sweep until it ends, pauses or waits for approval, prints its status and returns the exit code. Neither a
 * worker that is down nor a continue-as-new ends the watching; its end does not affect the sweep.
 */
export async function watchSweep(io: Io, options: WatchOptions): Promise<ExitCode> {
  const { client, sweepId, json } = options;
  const result = await withInterruption(async ({ wished }) => {
    const known = await Promise.race([describeSweep(client, sweepId), wished]);
    if (known === 'interrupted') throw stoppedWatching(sweepId);
    return known ? follow(io, options, wished) : sweepInLedger(io, sweepId);
  });
  if (!result) throw unknownSweep(sweepId);
  const notes = { dryRun: options.dryRun, ...(await notesInLedger(io, sweepId)) };
  if (json) printJson(io, toDocument(result, notes));
  else {
    printSweep(io, result, notes);
    for (const line of limitLines(await readLimits(io, sweepId))) print(io, line);
  }
  sayNextSteps(io, result, notes);
  return exitCodeOf(result.status);
}

async function follow(io: Io, { client, sweepId }: WatchOptions, wished: Promise<'interrupted'>): Promise<SweepResult> {
  const handle = client.workflow.getHandle(sweepId);
  const over = new AbortController();
  // Each of its many requests to the server listens to it.
  setMaxListeners(0, over.signal);
  const display = showSweep(io);
  try {
    const end = client.withAbortSignal(over.signal, () => patientResult(io, client, handle, over.signal));
    // Aborted below, when another event came first.
    end.catch(() => undefined);
    const limits = new LimitWatch(io, sweepId, over.signal);
    const first = await Promise.race([end, untilItStands(client, handle, { display, limits }, over.signal), wished]);
    if (first !== 'interrupted') return first;
  } finally {
    over.abort();
    display.stop();
  }
  throw stoppedWatching(sweepId);
}

function stoppedWatching(sweepId: string): CommandFailure {
  return new CommandFailure(
    'Interrupted',
    `Stopped watching; the sweep ${printable(sweepId)} keeps running. Watch it again with: http-tasks sweep watch ${printable(sweepId)}`,
  );
}

/** Returns the end of the sweep, also when the Temporal server is unavailable for some minutes. */
async function patientResult(
  io: Io,
  client: Client,
  handle: WorkflowHandle,
  signal: AbortSignal,
): Promise<SweepResult> {
  let failingSinceMs: number | undefined;
  for (;;) {
    const askedAtMs = performance.now();
    try {
      return await resultOfSweep(io, client, handle);
    } catch (error) {
      if (signal.aborted || !(error instanceof ServiceError || isGrpcServiceError(error))) throw error;
      // A request that was open for long had reached a server.
      if (performance.now() - askedAtMs > 60_000) failingSinceMs = undefined;
      failingSinceMs ??= askedAtMs;
      if (performance.now() - failingSinceMs > SERVER_AWAY_MS) throw error;
      await delay(PAUSE_MS, undefined, { signal });
    }
  }
}

/** Shows the progress of the sweep; resolves when it needs a user's decision to continue, otherwise never. */
async function untilItStands(
  client: Client,
  handle: WorkflowHandle,
  { display, limits }: { display: WatchDisplay; limits: LimitWatch },
  signal: AbortSignal,
): Promise<SweepProgress> {
  while (!signal.aborted) {
    const seen = await look(client, handle).catch(() => undefined);
    if (signal.aborted) break;
    if (!seen)
      display.problem(
        (await failingTasks(client, handle).catch(() => undefined)) ??
          'no worker responds; Temporal keeps the sweep, which continues when one is available',
      );
    else {
      const { progress, cancelRequested, trouble } = seen;
      display.show(progress, { trouble, limit: limits.words });
      const stands =
        progress.status === 'waitingForApproval' || (progress.status === 'paused' && progress.underWay === 0);
      if (stands && !cancelRequested) return progress;
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return new Promise(() => undefined);
}

/** Reads the limit in force from time to time, if there is a readable ledger. */
class LimitWatch {
  words: string | undefined;

  constructor(io: Io, sweepId: string, signal: AbortSignal) {
    void this.#watch(io, sweepId, signal);
  }

  async #watch(io: Io, sweepId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const limit = mainLimit(await readLimits(io, sweepId), sweepId);
      this.words = limit && rateInShort(limit);
      await delay(LIMITS_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The result of one check of a sweep. */
interface Seen {
  progress: SweepProgress;
  cancelRequested: boolean;
  trouble: string | undefined;
}

async function look(client: Client, handle: WorkflowHandle): Promise<Seen> {
  // In this order, a chunk that ends in between is missing for a moment but never counted twice.
  const progress = await queryProgress(client, handle);
  const description = await handle.describe();
  return {
    progress: withRunningChunks(progress, await readRunningChunks(client, description)),
    cancelRequested: description.raw.workflowExtendedInfo?.cancelRequested ?? false,
    trouble: troubleOf(description),
  };
}
