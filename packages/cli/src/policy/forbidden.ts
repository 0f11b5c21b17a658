import {
  callProblemBefore,
  countingProblem,
  inputProblemBefore,
  violationText,
} from 'temporal-http-tasks/internal/operator-policy/before-start';
import { readPolicy } from 'temporal-http-tasks/internal/operator-policy/read-policy';
import type { Violation } from 'temporal-http-tasks/internal/operator-policy/rules';
import type { PolicyRules } from 'temporal-http-tasks/internal/operator-policy/schema';
import { Refusal } from '../program/errors';
import type { Io } from '../program/io';

/**
 * Requires that the policy of this process, if it has one, allows a call.
 *
 * @throws PolicyError for a policy file that is not valid.
 * @throws Refusal `Task.NotAllowed`
 */
export function refuseForbiddenCall(io: Io, ...call: Rest<typeof callProblemBefore>): void {
  refuse(io, (rules) => callProblemBefore(rules, ...call));
}

/**
 * Requires a ledger where the policy limits the users of a day.
 *
 * @throws Refusal `Task.NotAllowed`
 */
export function refuseUncounted(io: Io): void {
  refuse(io, countingProblem);
}

/**
 * Requires that the policy of this process, if it has one, allows the input of an offboarding.
 *
 * @throws PolicyError for a policy file that is not valid.
 * @throws Refusal `Task.NotAllowed`
 */
export function refuseForbiddenInput(io: Io, ...input: Rest<typeof inputProblemBefore>): void {
  refuse(io, (rules) => inputProblemBefore(rules, ...input));
}

type Rest<F> = F extends (rules: PolicyRules, ...rest: infer R) => unknown ? R : never;

function refuse(io: Io, find: (rules: PolicyRules) => Violation | undefined): void {
  const policy = readPolicy(io.env);
  const violation = policy && find(policy.rules);
  if (violation) throw new Refusal('Task.NotAllowed', violationText(violation), violation.rule);
}
