import { randomBytes } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import { freshId } from '../support/offboarding';
import type { PlaceWorkerOptions } from '../support/offboarding';
import { encryptedWorkflowBundle } from '../support/workflow-bundle';
import { TEXT_PLACES, turned } from './host-workflows';
import type { HostActivities, Texts } from './host-workflows';

/** A key as an operator makes one. */
export function newKey(): string {
  return randomBytes(32).toString('base64');
}

/** A text of its own for each place. */
export function freshTexts(): Texts {
  return Object.fromEntries(TEXT_PLACES.map((place) => [place, freshId(`canary ${place}`)])) as Texts;
}

const activities: HostActivities = {
  say: async (_input, result) => turned(result),
  sayHere: async (result) => turned(result),
  failOnce: async (message, detail, heartbeat) => {
    const activity = Context.current();
    if (activity.info.attempt > 1) return;
    activity.heartbeat(turned(heartbeat));
    throw ApplicationFailure.create({ message: turned(message), details: [turned(detail)] });
  },
};

/** Keeps no workflow in memory, so that none waits for it once it is stopped. */
export const FORGETFUL = { maxCachedWorkflows: 0 };

/** A worker with the host's own workflows and activities. */
export async function hostWorker(more: Partial<WorkerOptions> = {}): Promise<PlaceWorkerOptions> {
  return { worker: { activities, workflowBundle: await encryptedWorkflowBundle(), ...more } };
}
