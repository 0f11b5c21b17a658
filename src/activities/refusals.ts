import { ApplicationFailure } from '@temporalio/common';
import { isStoredEncrypted } from '../codec/stored-input';
import type { TaskSender } from '../http/send-task';
import type { Catalogue } from '../providers/catalogue';
import { accountOf, accountSuffix } from '../tasks/accounts';
import type { TaskFailure } from '../tasks/failure';
import type { NamedIds } from '../policy/user-ids';
import type { ProviderSet } from '../providers/provider-set';

/**
 * Creates the non-retryable failure for an invalid input. The message repeats no value, which could be an ID or a
 * secret.
 */
export function refusal(field: string, problem: string): ApplicationFailure {
  const message = `The input is not valid: ${field}: ${problem}.`.replace(/\.\.$/, '.');
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
    const failure = taskFailureIn(error);
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
    // All tokens are in the same input, so the server is asked once.
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

function taskFailureIn(error: unknown): TaskFailure | undefined {
  return error instanceof ApplicationFailure ? (error.details?.[0] as TaskFailure | undefined) : undefined;
}
