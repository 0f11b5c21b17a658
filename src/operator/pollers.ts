import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

/** `TASK_QUEUE_TYPE_WORKFLOW` and `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API. */
const QUEUE_TYPES = { workflow: 1, activity: 2 } as const;

/**
 * How recently a worker must have polled, in milliseconds. Workers poll at least once a minute; the server lists
 * pollers for minutes after they stop.
 */
const FRESH_MS = 75_000;

/** `WORKER_VERSIONING_MODE_VERSIONED` of Temporal's API. */
const VERSIONED = 2;

/** How often {@link hasWorker} asks, and the time between, in milliseconds: a worker that was just started may not have polled yet. */
const TRIES = 3;
const PAUSE_MS = 500;

/** Whether a worker polls the queue for workflows, or does so within a second. */
export async function hasWorker(client: Client, taskQueue: string): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    if ((await describe(client, taskQueue, 'workflow')).pollers.length > 0) return true;
    if (tries === TRIES) return false;
    await delay(PAUSE_MS);
  }
}

/** Returns the identities of the workers that poll the queue for activities, which make the calls. */
export async function activityPollers(client: Client, taskQueue: string): Promise<string[]> {
  const { pollers } = await describe(client, taskQueue, 'activity');
  return [...new Set(pollers.map(({ identity }) => identity))];
}

/** Whether workflows started on a task queue are run. */
export type Service =
  | { kind: 'served' }
  /** No worker polls the queue for workflows. */
  | { kind: 'noWorker' }
  /** Workers poll the queue, but all have versions that get no new workflows. */
  | { kind: 'notCurrent'; versions: readonly Version[]; current?: Version };

/** A version of a worker deployment. */
export interface Version {
  deploymentName: string;
  buildId: string;
}

/** Returns whether a worker would take a workflow that is started now. */
export async function serviceOf(client: Client, taskQueue: string): Promise<Service> {
  const { pollers, current, ramping } = await describe(client, taskQueue, 'workflow');
  if (pollers.length === 0) return { kind: 'noWorker' };
  const takes = ({ version }: Poller): boolean =>
    isSame(version, current) || (ramping !== undefined && isSame(version, ramping));
  if (pollers.some(takes)) return { kind: 'served' };
  return { kind: 'notCurrent', versions: pollers.flatMap(({ version }) => version ?? []), ...(current && { current }) };
}

/** Unversioned workers take workflows that belong to no version. */
function isSame(version: Version | undefined, other: Version | undefined): boolean {
  return version?.deploymentName === other?.deploymentName && version?.buildId === other?.buildId;
}

interface Poller {
  identity: string;
  /** Undefined for an unversioned worker. */
  version: Version | undefined;
}

interface Queue {
  /** Workers that polled recently. */
  pollers: Poller[];
  current: Version | undefined;
  ramping: Version | undefined;
}

async function describe(client: Client, taskQueue: string, type: keyof typeof QUEUE_TYPES): Promise<Queue> {
  const { pollers, versioningInfo } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: QUEUE_TYPES[type],
  });
  const oldest = Date.now() - FRESH_MS;
  const fresh = (pollers ?? []).filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > oldest);
  return {
    pollers: fresh.map(({ identity, deploymentOptions: options }) => ({
      identity: identity ?? '',
      version: Number(options?.workerVersioningMode) === VERSIONED ? versionOf(options) : undefined,
    })),
    current: versionOf(versioningInfo?.currentDeploymentVersion),
    ramping: versionOf(versioningInfo?.rampingDeploymentVersion),
  };
}

function versionOf(
  given: { deploymentName?: string | null; buildId?: string | null } | null | undefined,
): Version | undefined {
  return given?.deploymentName && given.buildId
    ? { deploymentName: given.deploymentName, buildId: given.buildId }
    : undefined;
}
