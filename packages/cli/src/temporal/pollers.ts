import { setTimeout as delay } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { serviceOf } from 'temporal-http-tasks/internal/operator/pollers';
import type { Service } from 'temporal-http-tasks/internal/operator/pollers';
import { CommandFailure } from '../program/errors';
import type { Io } from '../program/io';
import { printable, say } from '../terminal/output';

/** A worker that was started a moment ago may not have asked yet. */
const TRIES = 3;
const PAUSE_MS = 500;

/**
 * Makes sure that a worker will take what is about to be started or sent.
 *
 * @param given.then What follows if none does.
 * @param given.by Which workers count: those that get new workflows, or all, for a run that has begun.
 * @throws CommandFailure `NoWorker` when no worker polls the queue, or only workers of versions that get no new workflows.
 */
export async function requireWorker(
  client: Client,
  taskQueue: string,
  { then = 'nothing was started', by = 'current' }: { then?: string; by?: 'current' | 'any' } = {},
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const service = await serviceOf(client, taskQueue);
    if (service.kind === 'served' || (by === 'any' && service.kind === 'notCurrent')) return;
    if (tries === TRIES) throw new CommandFailure('NoWorker', whyNot(service, taskQueue, then));
    await delay(PAUSE_MS);
  }
}

function whyNot(service: Exclude<Service, { kind: 'served' }>, taskQueue: string, then: string): string {
  if (service.kind === 'noWorker') {
    return (
      `No worker polls the task queue "${taskQueue}", so ${then}. Start one with: http-tasks worker ` +
      '(or set HTTP_TASKS_TASK_QUEUE to the queue of yours).'
    );
  }
  const { current, versions } = service;
  const [version] = versions;
  const has = current
    ? `the current version is ${current.buildId} of ${current.deploymentName}`
    : 'no version is current';
  const polls = version
    ? `workers of ${version.buildId} of ${version.deploymentName} poll it`
    : 'workers without a version poll it';
  const command = version
    ? ' Make it current: temporal worker deployment set-current-version --deployment-name ' +
      `${version.deploymentName} --build-id ${version.buildId}`
    : ' Start a worker of that version.';
  return `The workers of the task queue "${taskQueue}" get no new workflows (${has}, ${polls}), so ${then}.${command}`;
}

/** A run whose first task failed this often does not begin by itself. */
const FAILED_ATTEMPTS = 2;

/** Of the newest events of a run; the failed task is the last one or nearly so. */
const EVENTS = 10;

/** In Temporal's API, of an event. */
const WORKFLOW_TASK_FAILED = 9;

/** What the SDK says of a workflow that its worker does not have. */
const NO_SUCH_TYPE = /no such function is exported by the workflow bundle/;

const MOST_WORDS = 300;

/**
 * Returns why a run makes no progress although a worker takes its workflow tasks: they fail, because the worker does not
 * have the workflow or its code does not fit. Undefined if it does make progress, or no worker takes them.
 */
export async function failingTasks(
  client: Client,
  { workflowId }: Pick<WorkflowHandle, 'workflowId'>,
  runId?: string,
): Promise<string | undefined> {
  const execution = { workflowId, ...(runId !== undefined && { runId }) };
  const { namespace } = client.options;
  const { pendingWorkflowTask, workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
    namespace,
    execution,
  });
  const attempt = pendingWorkflowTask?.attempt ?? 0;
  if (attempt < FAILED_ATTEMPTS) return undefined;
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace,
    execution,
    maximumPageSize: EVENTS,
  });
  const failed = history?.events?.find(
    ({ eventType }) => Number(eventType) === WORKFLOW_TASK_FAILED,
  )?.workflowTaskFailedEventAttributes;
  const message = failed?.failure?.message ?? '';
  const type = workflowExecutionInfo?.type?.name ?? 'the workflow';
  if (NO_SUCH_TYPE.test(message)) {
    return (
      `a worker polls the task queue without the workflow ${type}: its workflows file must contain ` +
      `"export * from 'temporal-http-tasks/workflow'"`
    );
  }
  if (failed) return `the worker's workflow task failed ${attempt - 1} times: ${message.slice(0, MOST_WORDS)}`;
  return undefined;
}

/** How long a start is watched by a command that does not follow its run; a worker that has the workflow begins in far less. */
const BEGINS_WITHIN_MS = 3_000;

/** How often is asked, at first and then. */
const FIRST_LOOK_MS = 150;
const LOOK_EVERY_MS = 1_000;

/**
 * Reports, once, why a run makes no progress, until the signal aborts or the run has begun.
 *
 * @param withinMs How long to look, in milliseconds.
 */
export async function sayWhyNotBegun(
  io: Io,
  { client, handle, runId }: { client: Client; handle: Pick<WorkflowHandle, 'workflowId'>; runId?: string },
  ended: AbortSignal,
  withinMs = Number.POSITIVE_INFINITY,
): Promise<void> {
  const untilMs = performance.now() + withinMs;
  for (
    let wait = FIRST_LOOK_MS;
    !ended.aborted && performance.now() < untilMs;
    wait = Math.min(2 * wait, LOOK_EVERY_MS)
  ) {
    await delay(wait, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) return;
    const why = await failingTasks(client, handle, runId).catch(() => undefined);
    if (ended.aborted) return;
    if (why !== undefined) return say(io, printable(`It does not start: ${why}. It starts when a worker can run it.`));
    if (await hasBegun(client, handle, runId).catch(() => false)) return;
  }
}

/** Looks for a short time whether a run begins, for a command that does not follow it, and says why it does not. */
export async function sayIfNotBegun(io: Io, client: Client, workflowId: string): Promise<void> {
  await sayWhyNotBegun(io, { client, handle: { workflowId } }, new AbortController().signal, BEGINS_WITHIN_MS);
}

/** Whether a worker has completed a workflow task of the run. */
async function hasBegun(
  client: Client,
  { workflowId }: Pick<WorkflowHandle, 'workflowId'>,
  runId?: string,
): Promise<boolean> {
  const execution = { workflowId, ...(runId !== undefined && { runId }) };
  const { workflowExecutionInfo: info } = await client.workflowService.describeWorkflowExecution({
    namespace: client.options.namespace,
    execution,
  });
  return Number(info?.historyLength ?? 0) > EVENTS_BEFORE_THE_FIRST_TASK_IS_DONE;
}

/** Started, task scheduled, task started, task failed; the next event comes from a task that was completed. */
const EVENTS_BEFORE_THE_FIRST_TASK_IS_DONE = 4;
