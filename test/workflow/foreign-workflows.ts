import { proxyActivities } from '@temporalio/workflow';

interface AnyCall {
  name: string;
  args: unknown[];
  taskQueue: string;
}

/** What a person with access to the namespace, and a worker on a task queue of their own, can have any worker do. */
export async function callAnything({ name, args, taskQueue }: AnyCall): Promise<unknown> {
  const activities = proxyActivities<Record<string, (...args: unknown[]) => Promise<unknown>>>({
    taskQueue,
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: '20 seconds',
  });
  return activities[name]!(...args);
}

/** The same under the name of one of the package's workflows. */
export const offboardUsers = (call: AnyCall): Promise<unknown> => callAnything(call);
export const offboardUser = (call: AnyCall): Promise<unknown> => callAnything(call);
