import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { refuseAccidentalProduction } from 'temporal-http-tasks/internal/config/service-settings';
import { callProblemBefore } from 'temporal-http-tasks/internal/operator-policy/before-start';
import { hasWorker } from 'temporal-http-tasks/internal/operator/pollers';
import type { HttpTask } from 'temporal-http-tasks/internal/tasks/define';
import { parseInput } from 'temporal-http-tasks/internal/tasks/parse-input';
import { taskFailureOf } from 'temporal-http-tasks/internal/workflows/failure-of';
import type { TaskEnvelope } from 'temporal-http-tasks/internal/workflows/run-http-task';
import { showRequest } from '../reference/shown-request';
import { needsName, requireConfirmation } from './confirmation';
import { GatewayRefusal } from './http-error';
import { refuseUnknownRun, refuseForbidden, runUrl, withTemporal } from './parts';
import type { GatewayParts } from './parts';
import type { CallRequest, DurableCall, StartedCall, WireFailure } from './wire';
import { placeOfRuns } from './workers';

/**
 * Lets a worker make the call with the workflow `runHttpTask`, the worker's keys and its environment. The workers'
 * records and the gateway's own settings decide whether the production environment's name has to be typed.
 *
 * @throws InvalidInputError, SettingsError, GatewayRefusal: nothing was started.
 */
export async function startDurably(
  parts: GatewayParts,
  task: HttpTask,
  { input, confirm }: CallRequest,
): Promise<StartedCall> {
  parseInput(task.name, task.input, input);
  refuseForbidden(parts, (rules) => callProblemBefore(rules, task, input, { environment: undefined }));
  const { env } = parts.secrets;
  const { shown } = showRequest(task, input, env);
  refuseAccidentalProduction(shown, env, [task.service]);
  const { production, environment } = await placeOfRuns(parts, shown, task.service.name);
  requireConfirmation({ task: task.name, named: needsName(task, input), production, environment }, confirm);
  const { taskQueue } = parts.place;
  return withTemporal(parts, async ({ client }) => {
    if (!(await hasWorker(client, taskQueue))) {
      throw new GatewayRefusal(
        503,
        'NoWorker',
        `No worker polls the task queue "${taskQueue}", so nothing was started. Start one with: http-tasks worker`,
      );
    }
    const workflowId = `call-${task.name}-${randomUUID()}`;
    const { firstExecutionRunId: runId } = await client.workflow.start('runHttpTask', {
      workflowId,
      taskQueue,
      args: [{ task: task.name, input }],
    });
    return { workflowId, runId, ...runUrl(parts, { workflowId, runId }) };
  });
}

/** The only type of run whose result the gateway shows as a call. */
const OURS = 'runHttpTask';

/** Returns the status of a durable call. */
export async function readDurably(
  parts: GatewayParts,
  call: { workflowId: string; runId: string },
): Promise<DurableCall> {
  return withTemporal(parts, async ({ client }) => {
    const handle = client.workflow.getHandle(call.workflowId, call.runId);
    const description = await handle.describe().catch((error: unknown) => refuseUnknownRun(error, call.workflowId));
    if (description.type !== OURS) throw new GatewayRefusal(404, 'NotFound', 'This run is not a call.');
    const { status } = description;
    const known = { ...call, ...runUrl(parts, call), status: status.name };
    return status.name === 'RUNNING'
      ? { ...known, ...pendingAttempt(description) }
      : { ...known, ...(await endOf(handle)) };
  });
}

function pendingAttempt({ raw }: WorkflowExecutionDescription): Partial<DurableCall> {
  const [pending] = raw.pendingActivities ?? [];
  if (!pending) return {};
  const { attempt, lastFailure, scheduledTime } = pending;
  const nextTryAt =
    lastFailure && scheduledTime ? new Date(Number(scheduledTime.seconds ?? 0) * 1_000).toISOString() : undefined;
  return {
    ...(attempt && { attempt }),
    ...(lastFailure?.message && { lastFailure: lastFailure.message }),
    ...(nextTryAt !== undefined && { nextTryAt }),
  };
}

async function endOf(handle: WorkflowHandle): Promise<Pick<DurableCall, 'result' | 'failure'>> {
  try {
    const { status, requestId, attempt, output } = (await handle.result()) as TaskEnvelope;
    return { result: { status, attempt, output, ...(requestId !== undefined && { requestId }) } };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return { failure: failureIn(error) };
  }
}

function failureIn(error: WorkflowFailedError): WireFailure {
  const failure = taskFailureOf(error.cause);
  if (!failure) return { type: error.cause?.name ?? 'Failed', message: error.cause?.message ?? error.message };
  const { type, message, code, field } = failure;
  return { type, message, ...(code !== undefined && { code }), ...(field !== undefined && { field }) };
}
