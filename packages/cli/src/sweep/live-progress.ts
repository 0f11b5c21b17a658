import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import type { ChunkProgress } from 'temporal-http-tasks/internal/activities/sweep/contract';
import { OUTCOMES } from 'temporal-http-tasks/internal/policy/outcome';
import type { SweepProgress } from 'temporal-http-tasks/internal/policy/sweep-result';
import { decodePayloads } from 'temporal-http-tasks/internal/starts/payloads';

/** The activity whose heartbeats tell how far a chunk has come. */
const RUN_CHUNK = 'httpTasks.runChunk';

/** The first attempts may fail for a moment's reason. */
const WORTH_TELLING = 3;
const MOST_CHARACTERS = 160;

/** How far the chunks under way have come, by their last heartbeats. One that has sent none yet is left out. */
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

/** What the workflow tells, which knows of a chunk only when it has ended, together with what its chunks told since. */
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

/** What keeps failing, for example because the ledger is away: an activity of the sweep that was tried again and again. */
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
