import { proxyActivities } from '@temporalio/workflow';

/** What somebody with access to the namespace, and a worker on a task queue of their own, can have any worker do. */
export async function callAnything({ name, args, taskQueue }: { name: string; args: unknown[]; taskQueue: string }): Promise<unknown> {
  const activities = proxyActivities<Record<string, (...args: unknown[]) => Promise<unknown>>>({
    taskQueue,
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: '20 seconds',
  });
  return activities[name]!(...args);
}

/** The same under the name of one of the package's workflows. */
export const offboardUsers = callAnything;
export const offboardUser = callAnything;
