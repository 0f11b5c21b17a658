import { ApplicationFailure } from '@temporalio/common';
import { Context } from '@temporalio/activity';
import type { ServiceSettings } from '../config/service-settings';
import type { TaskSender } from '../http/send-task';
import { LedgerUnavailableError } from '../ledger/ledger';
import type { Receipt, SettledStep } from '../ledger/ledger';
import { userSubjects } from '../ledger/user-subjects';
import type { StepResult } from '../policy/offboard-result';
import { asPerhapsSent } from '../policy/perhaps-sent';
import type { Catalogue } from '../tasks/catalogue';
import { USER_TOKEN_SHAPE } from '../tasks/plaid/fields';
import type { TaskFailure } from '../tasks/failure';
import { InvalidInputError, parseInput } from '../tasks/parse-input';
import type { OffboardingActivities, PrepareOffboarding, Preparation, RecordedEnd, RecordEnd } from './contract';
import type { TaskDependencies } from './run-task';

/** What the activities of the off-boarding workflows need. */
export interface OffboardingDependencies extends Pick<TaskDependencies, 'sender' | 'ledger' | 'hasher' | 'allowSensitive'> {
  catalogue: Catalogue;
  /** By name; a service that is not configured is absent. */
  services: ReadonlyMap<string, ServiceSettings>;
}

/** The activities of the off-boarding workflows that are no HTTP tasks. */
export function createOffboardingActivities(dependencies: OffboardingDependencies): OffboardingActivities {
  return {
    'httpTasks.prepareOffboarding': (input) => prepare(dependencies, input),
    'httpTasks.checkTask': async ({ task, input }) => checkTask(dependencies.catalogue, task, input),
    'httpTasks.recordEnd': (end) => recordEnd(dependencies, end),
  };
}

async function recordEnd({ ledger }: OffboardingDependencies, end: RecordEnd): Promise<RecordedEnd> {
  const { workflowId = '', runId = '' } = Context.current().info.workflowExecution ?? {};
  return retryable(async () => {
    const perhapsSent = stepsPerhapsSent(await ledger.readReceipts({ workflowId, runId }));
    const { subject, environment, steps, compensations } = asPerhapsSent(end, perhapsSent);
    await ledger.recordEnd({ workflowId, runId, subject, environment, steps: steps.map(settledStep), compensations });
    return { perhapsSent };
  });
}

/** Steps whose latest call has an intent, and no outcome of that attempt. */
function stepsPerhapsSent(receipts: readonly Receipt[]): string[] {
  const open = new Map<string, Receipt>();
  for (const receipt of receipts) {
    const intent = open.get(receipt.step);
    if (receipt.phase === 'intent') open.set(receipt.step, receipt);
    else if (intent?.activityId === receipt.activityId && intent.attempt === receipt.attempt) open.delete(receipt.step);
  }
  return [...open.keys()];
}

async function prepare(
  { sender, ledger, hasher, allowSensitive, services, catalogue }: OffboardingDependencies,
  { user, itemIds = [], usesBatch, compensation }: PrepareOffboarding,
): Promise<Preparation> {
  refuseTokens(user, allowSensitive);
  const usesPlaid = user.plaidUserId !== undefined || user.plaidUserToken !== undefined;
  if (usesPlaid) requireService(services, 'plaid', user.plaidUserId === undefined ? 'user.plaidUserToken' : 'user.plaidUserId');
  if (usesBatch) requireService(services, 'batch', 'user.batchUserId');
  if (compensation) refuseUnsendable(catalogue, sender, compensation);
  const environment = services.get('plaid')?.environment ?? 'default';
  const { batchUserId, ...plaidUser } = user;
  const atPlaid = userSubjects(plaidUser, environment, hasher);
  const atBatch = userSubjects({ batchUserId }, environment, hasher);
  const subjects = [...atPlaid, ...atBatch];
  return retryable(async () => {
    const [held, plaid, batch] = await Promise.all([ledger.isHeld(subjects), ledger.readHistory(atPlaid), ledger.readHistory(atBatch)]);
    const seen = new Set(plaid.items);
    return {
      subject: subjects[0] ?? '',
      subjects,
      held,
      environment: usesPlaid ? environment : 'default',
      batchApps: [...(services.get('batch')?.keySlots ?? [])],
      // An id at one provider says nothing about the id at the other that came with it: that one may be mistyped now.
      knownSteps: [...plaid.steps.filter((step) => step.startsWith('plaid.')), ...batch.steps.filter((step) => step.startsWith('batch.'))],
      hadItems: plaid.items.length > 0,
      knownItems: itemIds.flatMap((id, index) => (seen.has(hasher.item('plaid', environment, id)) ? [index] : [])),
    };
  });
}

/** It has to be known before anything is deleted that what should run after a failure could be sent at all. */
function refuseUnsendable(catalogue: Catalogue, sender: TaskSender, { task: name, input }: { task: string; input?: unknown }): void {
  const task = catalogue.find(name);
  if (!task) throw refusal('compensation.task', unknownTask(catalogue, name));
  try {
    sender.prepare(task, input ?? {});
  } catch (error) {
    const failure = taskFailureIn(error);
    if (!failure) throw error;
    throw refusal(['compensation', 'input', failure.field].filter(Boolean).join('.'), failure.message);
  }
}

function taskFailureIn(error: unknown): TaskFailure | undefined {
  return error instanceof ApplicationFailure ? (error.details?.[0] as TaskFailure | undefined) : undefined;
}

function refuseTokens(user: PrepareOffboarding['user'], allowed: ReadonlySet<string>): void {
  const message =
    "holds a user's bearer token, and now stands in this run's history in plain text until the namespace's retention removes it; nothing was sent; name user_token (or user_id, where the token stands there) in the worker's HTTP_TASKS_ALLOW_SENSITIVE to accept that";
  if (user.plaidUserToken !== undefined && !allowed.has('user_token')) throw refusal('user.plaidUserToken', message);
  if (user.plaidUserId !== undefined && USER_TOKEN_SHAPE.test(user.plaidUserId) && !allowed.has('user_id')) {
    throw refusal('user.plaidUserId', message);
  }
}

function requireService(services: ReadonlyMap<string, unknown>, service: string, field: string): void {
  if (services.has(service)) return;
  throw refusal(field, `needs ${service}, for which this worker has no keys; add it to HTTP_TASKS_SERVICES and set its keys`);
}

function checkTask(catalogue: Catalogue, name: string, input: unknown): void {
  const task = catalogue.find(name);
  if (!task) throw refusal('task', unknownTask(catalogue, name));
  try {
    parseInput(name, task.input, input);
  } catch (error) {
    if (error instanceof InvalidInputError) throw refusal(error.field ? `input.${error.field}` : 'input', error.message);
    throw error;
  }
}

function unknownTask(catalogue: Catalogue, name: string): string {
  return `this worker has no task "${name}"; it has ${catalogue.tasks.map((task) => task.name).join(', ')}`;
}

function refusal(field: string, problem: string): ApplicationFailure {
  const message = `The input is not valid: ${field}: ${problem}.`;
  return ApplicationFailure.create({
    type: 'Task.InvalidInput',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.InvalidInput', service: 'http-tasks', message, field }],
  });
}

/** Nothing was sent, so Temporal may try again for as long as the run has time. */
async function retryable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    const message = 'The ledger cannot be reached; the run goes on when it can.';
    throw ApplicationFailure.create({
      type: 'Task.LedgerUnavailable',
      message,
      details: [{ type: 'Task.LedgerUnavailable', service: 'ledger', message }],
    });
  }
}

function settledStep({ step, task, outcome, reason, requestId, token, failure }: StepResult): SettledStep {
  return { step, task, outcome, reason, requestId, token, failureType: failure?.type, status: failure?.status, code: failure?.code };
}
