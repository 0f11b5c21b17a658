import type { OffboardUserInput } from '../policy/offboard-input';
import type { OffboardUsersInput } from '../policy/sweep-input';
import { mainServiceOf } from '../tasks/accounts';
import type { HttpTask } from '../tasks/define';
import { effectOf } from '../tasks/effect';
import { callProblem, compensationProblem, reasonProblem, sourceName, sourceProblem, timeProblem } from './rules';
import type { Violation } from './rules';
import type { PolicyRules } from './schema';

// Checks of a policy before anything is started. The worker knows more and decides.

/**
 * Returns why a call is not allowed, or undefined.
 *
 * @param given.environment Where the call goes; undefined when only the worker knows it.
 * @param given.looksOnly Whether the call is only shown and not sent.
 */
export function callProblemBefore(
  rules: PolicyRules,
  task: HttpTask,
  input: unknown,
  given: { environment: string | undefined; looksOnly?: boolean },
): Violation | undefined {
  const reasonCode: unknown = Reflect.get(Object(input) as object, 'reason_code');
  const call = {
    task: task.name,
    service: mainServiceOf(task.service.name),
    generic: task.generic,
    effect: given.looksOnly ? ('read' as const) : effectOf(task, input),
    environment: given.environment ?? '',
    ...(typeof reasonCode === 'string' && { reasonCode }),
  };
  const { environments, ...others } = rules;
  const known = { ...others, ...(given.environment !== undefined && environments && { environments }) };
  return callProblem(known, call, new Date());
}

/**
 * Returns the problem if users per day are counted but the ledger that counts them is not configured; otherwise
 * undefined.
 */
export function countingProblem({ users }: PolicyRules): Violation | undefined {
  if (users?.perDay === undefined) return undefined;
  return {
    rule: 'users.perDay',
    message: 'users per day are counted in the ledger; set HTTP_TASKS_LEDGER_URL and HTTP_TASKS_SUBJECT_KEY',
  };
}

/**
 * Returns why an offboarding is not allowed, or undefined.
 *
 * @param given.local Whether the users of a sweep are read by the command.
 */
export function inputProblemBefore(
  rules: PolicyRules,
  input: OffboardUserInput | OffboardUsersInput,
  { local = false }: { local?: boolean } = {},
): Violation | undefined {
  const { reason, compensation, plaid, providers = [], dryRun } = input;
  const ofPlan =
    reasonProblem(rules, reason.code) ??
    (compensation && compensationProblem(rules, compensation.task)) ??
    removalProblem(rules, plaid?.removeUser ?? false) ??
    providersProblem(rules, providers);
  if (ofPlan) return ofPlan;
  if ('user' in input) return dryRun ? undefined : timeProblem(rules, new Date());
  const { source, snapshot, redriveOf } = input;
  if (local || snapshot !== undefined) return sourceProblem(rules, 'snapshot');
  if (redriveOf !== undefined) return sourceProblem(rules, 'redrive');
  return source && sourceProblem(rules, sourceName(source));
}

function removalProblem({ removeUser }: PolicyRules, wanted: boolean): Violation | undefined {
  if (!wanted || removeUser !== false) return undefined;
  return { rule: 'removeUser', message: 'users may not be deleted at Plaid' };
}

function providersProblem({ providers: allowed }: PolicyRules, named: readonly string[]): Violation | undefined {
  const other = allowed && named.find((name) => !allowed.includes(name));
  if (other === undefined) return undefined;
  return { rule: 'providers', message: `${other} is not allowed; allowed: ${allowed?.join(', ') ?? ''}` };
}

/** Returns a violation as a sentence. */
export function violationText({ rule, message }: Violation): string {
  return `The operator's policy forbids this (rule ${rule}): ${message}.`;
}
