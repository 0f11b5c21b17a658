import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { CommandFailure } from './errors';

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's API. */
const WORKFLOW_QUEUE = 1;

/** A worker asks again at least once a minute; the server lists pollers for minutes after they have gone. */
const FRESH_MS = 75_000;

/** A worker that was started a moment ago may not have asked yet. */
const TRIES = 3;
const PAUSE_MS = 500;

/**
 * Makes sure that somebody will take what is about to be started or told.
 *
 * @param then What follows from there being nobody.
 * @throws CommandFailure `NoWorker` when no worker polls the queue.
 */
export async function requireWorker(client: Client, taskQueue: string, then = 'nothing was started'): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    if (await hasWorker(client, taskQueue)) return;
    if (tries === TRIES) break;
    await delay(PAUSE_MS);
  }
  throw new CommandFailure(
    'NoWorker',
    `No worker polls the task queue "${taskQueue}", so ${then}. Start one with: http-tasks worker (or set HTTP_TASKS_TASK_QUEUE to the queue of yours).`,
  );
}

/** Whether anybody polls the queue for workflows. */
export async function hasWorker(client: Client, taskQueue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: WORKFLOW_QUEUE,
  });
  const oldest = Date.now() - FRESH_MS;
  return (pollers ?? []).some(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > oldest);
}
