import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { hasWorker } from '../operator/pollers';
import { CommandFailure } from './errors';

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
