import { ApplicationFailure } from '@temporalio/common';
import { isStoredEncrypted } from '../codec/stored-input';
import type { TaskSender } from '../http/send-task';
import { LedgerUnavailableError } from '../ledger/ledger';
import type { NamedIds } from '../policy/user-ids';
import type { Catalogue } from '../providers/catalogue';
import type { ProviderSet } from '../providers/provider-set';
import { accountOf, accountSuffix } from '../tasks/accounts';
import type { HttpTask } from '../tasks/define';
import { effectOf } from '../tasks/effect';
import { isTaskFailureType } from '../tasks/failure';
import type { TaskFailure } from '../tasks/failure';
import { asSentence } from '../tasks/nearest';

/**
 * Creates the non-retryable failure for an invalid input. The message repeats no value, which could be an ID or a
 * secret.
 */
export function refusal(field: string, problem: string): ApplicationFailure {
  const message = asSentence(`The input is not valid: ${field}: ${problem}`);
  return ApplicationFailure.create({
    type: 'Task.InvalidInput',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.InvalidInput', service: 'http-tasks', message, field }],
  });
}

/** Refuses a user of a sweep whose IDs were hashed for another account than this worker would call. */
export const OTHER_ACCOUNTS =
  'the sweep was read by a worker with other accounts than this one; give all workers of the task queue the same HTTP_TASKS_ACCOUNTS';

/**
 * Requires that this worker has keys for the service that the field needs.
 *
 * @throws ApplicationFailure `Task.InvalidInput` if it has none.
 */
export function requireService(services: ReadonlyMap<string, unknown>, service: string, field: string): void {
  if (services.has(service)) return;
  const account = accountOf(service);
  const how =
    account === undefined
      ? 'add it to HTTP_TASKS_SERVICES and set its keys'
      : `list it in HTTP_TASKS_ACCOUNTS and set its keys, whose names end with ${accountSuffix(account)}`;
  throw refusal(field, `needs ${service}, for which this worker has no keys; ${how}`);
}

/**
 * Checks, before anything is deleted, that the task to run after a failure could be sent at all.
 *
 * @throws ApplicationFailure `Task.InvalidInput`, field `compensation.task` or `compensation.input…`.
 */
export function refuseUnsendable(
  catalogue: Catalogue,
  sender: TaskSender,
  { task: name, input }: { task: string; input?: unknown },
): void {
  const task = catalogue.find(name);
  if (!task) throw refusal('compensation.task', unknownTask(catalogue, name));
  try {
    sender.prepare(task, input ?? {});
  } catch (error) {
    const failure = taskFailureIn(error, task);
    if (!failure) throw error;
    throw refusal(['compensation', 'input', failure.field].filter(Boolean).join('.'), failure.message);
  }
}

/**
 * Refuses user tokens in unencrypted histories: a token gives access to the user's accounts, and many people may read a
 * history. Tokens in encrypted inputs are accepted.
 *
 * @param users By their path in the input: `user`, `source.inline.3`.
 * @param allowed Fields in which the operator accepts tokens in plain text.
 * @throws ApplicationFailure `Task.InvalidInput` that names the first token.
 */
export async function refuseTokens(
  users: Iterable<readonly [path: string, user: NamedIds]>,
  allowed: ReadonlySet<string>,
  providers: Pick<ProviderSet, 'tokensIn'>,
): Promise<void> {
  for (const [path, user] of users) {
    const token = providers.tokensIn(user).find(({ taskField }) => !allowed.has(taskField));
    if (!token) continue;
    // All tokens are in the same input, so the server is queried once.
    if (await isStoredEncrypted()) return;
    throw refusal(
      `${path}.${token.field}`,
      `contains a user's bearer token, which is now in this run's history in plain text until the namespace's retention removes it; nothing was sent; encrypt payloads (HTTP_TASKS_ENCRYPTION_KEY), or list ${token.taskField} in the worker's HTTP_TASKS_ALLOW_SENSITIVE to accept that`,
    );
  }
}

/** Describes a task that is not in the catalogue. */
export function unknownTask(catalogue: Catalogue, name: string): string {
  return `this worker has no task "${name}"; it has ${catalogue.tasks.map((task) => task.name).join(', ')}`;
}

/**
 * Runs work that needs the ledger. If the ledger is unavailable nothing was sent, so Temporal may retry for as long as
 * the run has time.
 *
 * @throws ApplicationFailure `Task.LedgerUnavailable`, retryable, instead of LedgerUnavailableError.
 */
export async function retryable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    const message = 'The ledger cannot be reached; the run continues when it can.';
    throw ApplicationFailure.create({
      type: 'Task.LedgerUnavailable',
      message,
      details: [{ type: 'Task.LedgerUnavailable', service: 'ledger', message }],
    });
  }
}

/** Returns the failure of a task's call; undefined for any other error. */
export function taskFailureIn(error: unknown, task: HttpTask): TaskFailure | undefined {
  if (!(error instanceof ApplicationFailure) || !isTaskFailureType(error.type)) return undefined;
  const detail = error.details?.[0] as Partial<TaskFailure> | undefined;
  return { service: task.service.name, ...detail, type: error.type, message: detail?.message ?? error.message };
}

/** Returns the task's own failure; after an unexpected error the call may have been sent. */
export function failureOf(error: unknown, task: HttpTask, input: unknown): TaskFailure {
  const failure = taskFailureIn(error, task);
  if (failure) return failure;
  return {
    type: effectOf(task, input) === 'irreversible' ? 'Task.OutcomeUnknown' : 'Task.UnexpectedResponse',
    service: task.service.name,
    task: task.name,
    message: `${task.name} failed outside its contract.`,
  };
}

/** Returns how long the provider asked to wait, in milliseconds. */
export function delayIn(error: unknown): number | undefined {
  const delayMs: unknown = error instanceof ApplicationFailure ? error.nextRetryDelay : undefined;
  return typeof delayMs === 'number' ? delayMs : undefined;
}
