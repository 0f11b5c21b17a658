import type { Client } from '@temporalio/client';

/** `TASK_QUEUE_TYPE_WORKFLOW` and `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API. */
const QUEUE_TYPES = { workflow: 1, activity: 2 } as const;

/** A worker asks again at least once a minute; the server lists pollers for minutes after they have gone. */
const FRESH_MS = 75_000;

/** Whether anybody polls the queue for workflows. */
export async function hasWorker(client: Client, taskQueue: string): Promise<boolean> {
  return (await freshPollers(client, taskQueue, 'workflow')).length > 0;
}

/** The identities of the workers that poll the queue for activities: those who make the calls. */
export async function activityPollers(client: Client, taskQueue: string): Promise<string[]> {
  return freshPollers(client, taskQueue, 'activity');
}

async function freshPollers(client: Client, taskQueue: string, type: keyof typeof QUEUE_TYPES): Promise<string[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: QUEUE_TYPES[type],
  });
  const oldest = Date.now() - FRESH_MS;
  const fresh = (pollers ?? []).filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > oldest);
  return [...new Set(fresh.map(({ identity }) => identity ?? ''))];
}
