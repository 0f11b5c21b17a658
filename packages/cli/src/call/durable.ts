import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import type { TaskEnvelope } from 'temporal-http-tasks/internal/activities/contract';
import { readQueueSettings } from 'temporal-http-tasks/internal/config/settings';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { CommandFailure } from '../program/errors';
import type { Io } from '../program/io';
import { withTemporal } from '../temporal/client';
import type { TemporalOptions } from '../temporal/options';
import { requireWorker, sayWhyNotBegun } from '../temporal/pollers';
import { readWorkerPlace } from '../temporal/worker-place';
import { withInterruption } from '../terminal/interruption';
import { say } from '../terminal/output';

/**
 * Runs a call as the workflow `runHttpTask` and waits for its end. The worker's keys and environment apply.
 *
 * @throws the workflow's failure; CommandFailure when no worker polls or the command is interrupted.
 */
export async function callDurably(
  io: Io,
  task: HttpTask,
  input: unknown,
  options: TemporalOptions,
): Promise<TaskEnvelope> {
  const { taskQueue } = readQueueSettings(io.env);
  const { account } = task.service;
  return withTemporal(io, options, async (client) => {
    await requireWorker(client, taskQueue);
    const workflowId = `call-${task.name}-${randomUUID()}`;
    const handle = await client.workflow.start('runHttpTask', {
      workflowId,
      taskQueue,
      args: [{ task: task.name, input, ...(account && { account: account.name }) }],
    });
    say(io, `Started ${workflowId}. Receipts: http-tasks receipts ${workflowId}`);
    return withInterruption(async ({ wished, signal }) => {
      const ended = new AbortController();
      void sayWhyNotBegun(io, { client, handle }, ended.signal);
      const result = client.withAbortSignal(signal, () => handle.result() as Promise<TaskEnvelope>);
      const first = await Promise.race([result.catch(causeOf), wished]).finally(() => ended.abort());
      if (first !== 'interrupted') return first;
      throw new CommandFailure(
        'Interrupted',
        `${workflowId} keeps running; see it in the Temporal UI, or with: http-tasks receipts ${workflowId}`,
      );
    });
  });
}

/** Returns where the workers send a task's calls, for the question before an irreversible one. */
export async function durableEnvironment(io: Io, { service }: HttpTask, options: TemporalOptions): Promise<string> {
  const { taskQueue } = readQueueSettings(io.env);
  return withTemporal(io, options, async (client) => {
    const place = await readWorkerPlace(io, client, taskQueue);
    const known = place.environments.filter(({ service: name }) => name === service.name);
    const names = known.map(({ environment, production }) => (production ? environment.toUpperCase() : environment));
    if (place.unknownBecause === undefined && names.length > 0) return names.join(' and ');
    return "the worker's environment, which is not known here and may be PRODUCTION";
  });
}

function causeOf(error: unknown): never {
  if (error instanceof WorkflowFailedError && error.cause) throw error.cause;
  throw error;
}
