import type { NativeConnection } from '@temporalio/worker';

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's API. */
const WORKFLOW_QUEUE = 1;
const DEADLINE_MS = 3_000;
/**
 * Maximum age of a worker's last poll, in milliseconds. A worker polls at least once a minute; the server lists pollers
 * for some minutes longer.
 */
const FRESH_MS = 75_000;

/** Returns whether the Temporal server sees this worker poll for workflow tasks. */
export async function isPolling(
  connection: NativeConnection,
  { namespace, taskQueue, identity }: { namespace: string; taskQueue: string; identity: string },
): Promise<boolean> {
  const { pollers } = await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
    connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_QUEUE,
    }),
  );
  const oldest = Date.now() - FRESH_MS;
  return (pollers ?? []).some(
    (poller) => poller.identity === identity && Number(poller.lastAccessTime?.seconds ?? 0) * 1_000 > oldest,
  );
}
