import { ApplicationFailure } from '@temporalio/common';
import { getClient, operationInfo, startWorkflow, WorkflowRunOperationHandler } from '@temporalio/nexus';
import type { WorkflowHandle } from '@temporalio/nexus';
import { OperationError, serviceHandler } from 'nexus-rpc';
import type { ServiceHandler, StartOperationContext } from 'nexus-rpc';
import { z } from 'zod';
import type { TaskEnvelope } from '../activities/contract';
import type { SubjectHasher } from '../ledger/subject';
import { OFFBOARDING_CONFLICT } from '../policy/offboard-result';
import { offboardUserInput } from '../policy/offboard-input';
import type { OffboardUserInput } from '../policy/offboard-input';
import type { OffboardResult } from '../policy/offboard-result';
import { runHttpTaskInput } from '../policy/run-http-task-input';
import type { RunHttpTaskInput } from '../policy/run-http-task-input';
import { offboardUsersInput } from '../policy/sweep-input';
import type { OffboardUsersInput } from '../policy/sweep-input';
import type { SweepResult } from '../policy/sweep-result';
import { RunConflictError } from '../starts/run-conflict';
import { startOrJoin } from '../starts/start-or-join';
import type { StartRun, WantedRun } from '../starts/start-or-join';
import { offboardWorkflowId, sweepWorkflowId } from '../starts/workflow-ids';
import type { Catalogue } from '../providers/catalogue';
import { asSentence } from '../tasks/nearest';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import { offboardingService } from '../workflows/nexus-service';

/** What the operations need. */
export interface NexusServiceDependencies {
  hasher: SubjectHasher;
  /** The environment in which the IDs at a service are valid, for example `sandbox`. */
  environmentOf: (service: string) => string;
  /** The service of an account at a provider. */
  serviceNameAt: (provider: string, account: string | undefined) => string;
  catalogue: Catalogue;
}

type OffboardingOperations = (typeof offboardingService)['operations'];

/**
 * Implements {@link offboardingService} in a worker: each operation starts or joins a run on the worker's own task
 * queue.
 */
export function createNexusService(dependencies: NexusServiceDependencies): ServiceHandler<OffboardingOperations> {
  const { hasher, environmentOf, serviceNameAt, catalogue } = dependencies;
  return serviceHandler(offboardingService, {
    offboardUser: operationOf<OffboardUserInput, OffboardResult>((context, given) => {
      const input = checkedInput('offboardUser', offboardUserInput, given);
      if (input.user.sweepId !== undefined)
        throw refusedInput('offboardUser', 'user.sweepId', 'is reserved for sweeps; give the IDs of the user');
      return joined(context, {
        workflowType: 'offboardUser',
        workflowId: offboardWorkflowId(input, { environmentOf, serviceNameAt }, hasher),
        input: given,
      });
    }),
    offboardUsers: operationOf<OffboardUsersInput, SweepResult>((context, given) => {
      checkedInput('offboardUsers', offboardUsersInput, given);
      return joined(context, {
        workflowType: 'offboardUsers',
        workflowId: sweepWorkflowId(given, hasher),
        input: given,
      });
    }),
    runHttpTask: operationOf<RunHttpTaskInput, TaskEnvelope>((context, given) => {
      const { task: name, input } = checkedInput('runHttpTask', runHttpTaskInput, given);
      const task = catalogue.find(name);
      if (!task) throw refusedInput('runHttpTask', 'task', `is not a task of this worker: "${name}"`);
      checkedInput(name, z.strictObject({ input: task.input }), { input });
      // One run per operation: retries of an operation have the same request ID, which is part of the workflow ID.
      return startWorkflow(context, 'runHttpTask', { workflowId: `call-${name}-${context.requestId}`, args: [given] });
    }),
  });
}

/**
 * An operation that is backed by a run. The input is what the caller sent, so it has this type only after it was
 * checked.
 */
function operationOf<Input, Output>(
  start: (context: StartOperationContext, given: Input) => Promise<WorkflowHandle<unknown>>,
): WorkflowRunOperationHandler<Input, Output> {
  return new WorkflowRunOperationHandler(async (context, given) =>
    typedFailures(async () => start(context, given) as Promise<WorkflowHandle<Output>>),
  );
}

/** Starts the run or joins the one in progress; in both cases the server notifies this caller of its end. */
async function joined(
  context: StartOperationContext,
  wanted: Omit<WantedRun, 'taskQueue'>,
): Promise<WorkflowHandle<unknown>> {
  let handle: WorkflowHandle<unknown> | undefined;
  const start: StartRun = async ({ workflowType, workflowId, input }, workflowIdConflictPolicy) => {
    handle = await startWorkflow(context, workflowType, { workflowId, args: [input], workflowIdConflictPolicy });
    return handle.runId ?? '';
  };
  await startOrJoin(getClient(), { ...wanted, taskQueue: operationInfo().taskQueue }, { start, attach: true });
  if (!handle) throw new Error(`${wanted.workflowId} was neither started nor joined.`);
  return handle;
}

/**
 * Validates an operation's input before anything is started.
 *
 * @throws OperationError whose cause is `Task.InvalidInput` and names the field. It ends the operation; Nexus would
 * retry after any other error.
 */
export function checkedInput<S extends z.ZodType>(name: string, schema: S, given: unknown): z.output<S> {
  try {
    return parseInput(name, schema, given);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw refusal(error.message, error.field);
  }
}

/** Creates the error for an invalid field. */
export function refusedInput(name: string, field: string, why: string): OperationError {
  return refusal(asSentence(`The input of ${name} is not valid: ${field}: ${why}`), field);
}

/** Converts conflicts into failures with a type that the caller can handle and that Nexus does not retry. */
export async function typedFailures<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof RunConflictError)) throw error;
    const cause = ApplicationFailure.create({ type: OFFBOARDING_CONFLICT, message: error.message, nonRetryable: true });
    throw new OperationError('failed', error.message, { cause });
  }
}

function refusal(message: string, field: string): OperationError {
  const type = 'Task.InvalidInput';
  const details = [{ type, service: 'http-tasks', message, field }];
  return new OperationError('failed', message, {
    cause: ApplicationFailure.create({ type, message, nonRetryable: true, details }),
  });
}
