import { ONLY_ENVIRONMENT } from '../policy/user-ids';
import { ApplicationFailure } from '@temporalio/common';
import { accountOf, mainServiceOf } from '../tasks/accounts';
import { effectOf } from '../tasks/effect';
import { notAllowed as taskNotAllowed } from '../http/to-failure';
import type { DailyLimit } from '../ledger/ledger';
import type { SweepRow } from '../ledger/sweeps/sweep-types';
import type { OperatorPolicy } from '../operator-policy/read-policy';
import { approvalProblem, environmentText, planDigest } from '../operator-policy/approval';
import type { ApprovedSweep } from '../operator-policy/approval';
import type { SweepLedger } from '../ledger/sweeps/sweep-ledger';
import { callProblem, needsApproval, planProblem, sizeProblem, timeProblem } from '../operator-policy/rules';
import type { GovernedPlan, Violation } from '../operator-policy/rules';
import type { StepPlan } from '../policy/providers/step-plan';
import type { HttpTask } from '../tasks/define';
import type { ChunkPlan } from './sweep/contract';

/** The policy of a process; undefined limits nothing. */
export type Governing = OperatorPolicy | undefined;

/** Creates the non-retryable failure for what the operator's policy forbids; nothing was done. */
export function notAllowed({ rule, message: what }: Violation): ApplicationFailure {
  const message = `The operator's policy forbids this (rule ${rule}): ${what}.`;
  return ApplicationFailure.create({
    type: 'Task.NotAllowed',
    message,
    nonRetryable: true,
    details: [{ type: 'Task.NotAllowed', service: 'http-tasks', rule, message }],
  });
}

/** Throws if there is a violation. */
export function refuseViolation(violation: Violation | undefined): void {
  if (violation) throw notAllowed(violation);
}

/**
 * Requires that the policy allows a call.
 *
 * @param isBegun Whether it belongs to a run that has begun: its hours were checked then, so that it is not left half done.
 * @throws ApplicationFailure `Task.NotAllowed`, non-retryable.
 */
export function refuseForbiddenCall(
  policy: Governing,
  task: HttpTask,
  input: unknown,
  { environment, isBegun = false }: { environment: string; isBegun?: boolean },
): void {
  if (!policy) return;
  const reasonCode: unknown =
    typeof input === 'object' && input !== null ? Reflect.get(input, 'reason_code') : undefined;
  const call = {
    task: task.name,
    service: mainServiceOf(task.service.name),
    generic: task.generic,
    effect: effectOf(task, input),
    environment,
    ...(typeof reasonCode === 'string' && !isBegun && { reasonCode }),
  };
  const rules = isBegun ? withoutHours(policy) : policy.rules;
  const violation = callProblem(rules, call, new Date());
  if (violation) throw taskNotAllowed(task, violation);
}

function withoutHours({ rules: { hours: _, ...rules } }: OperatorPolicy): OperatorPolicy['rules'] {
  return rules;
}

/** Returns the limit on users who are begun today; undefined when the policy has none. */
export function dailyLimit(policy: Governing, now = new Date()): DailyLimit | undefined {
  const mostUsers = policy?.rules.users?.perDay;
  return mostUsers === undefined ? undefined : { day: now.toISOString().slice(0, 10), mostUsers };
}

/** What is wrong with a user, or the IDs of a call, for whom the day has no place. */
export function dayIsFull(mostUsers: number | undefined): Violation {
  return {
    rule: 'users.perDay',
    message: `at most ${mostUsers ?? 0} users may be begun on one day (UTC), and this would be more`,
  };
}

/** An offboarding that is about to begin. */
export interface BeginningPlan extends Omit<GovernedPlan, 'environmentOf'> {
  services: ReadonlyMap<string, { readonly environment: string }>;
  dryRun: boolean;
  /** Of the one user; a sweep may have users of every account. @default all accounts */
  account?: string | undefined;
}

/**
 * Requires that the policy allows an offboarding, and now.
 *
 * @throws ApplicationFailure `Task.NotAllowed`, non-retryable.
 */
export function refuseForbiddenPlan(policy: Governing, plan: BeginningPlan, now?: Date): void {
  if (!policy) return;
  const { services, account } = plan;
  const accounts = 'account' in plan ? [account] : accountsIn(services);
  for (const one of accounts)
    refuseViolation(planProblem(policy.rules, { ...plan, environmentOf: environmentAt(services, one) }));
  if (now && !plan.dryRun) refuseViolation(timeProblem(policy.rules, now));
}

/** The default account, and every other. */
function accountsIn(services: BeginningPlan['services']): (string | undefined)[] {
  return [undefined, ...new Set([...services.keys()].flatMap((service) => accountOf(service) ?? []))];
}

/** The environment of a provider in an account; in its default account where it does not have this one. */
function environmentAt(services: BeginningPlan['services'], account: string | undefined) {
  return (provider: string): string =>
    (services.get(`${provider}/${account ?? ''}`) ?? services.get(provider))?.environment ?? ONLY_ENVIRONMENT;
}

/** Returns what in the policy of this process keeps a sweep from its next users, or undefined. */
function sweepProblem(
  policy: Governing,
  { plan: planText, stepsPlan, total }: Pick<SweepRow, 'plan' | 'stepsPlan' | 'total'>,
  services: BeginningPlan['services'],
  now = new Date(),
): Violation | undefined {
  if (!policy || planText === undefined) return undefined;
  const { rules } = policy;
  const plan = JSON.parse(planText) as ChunkPlan;
  const steps: StepPlan = stepsPlan === undefined ? NO_STEPS : (JSON.parse(stepsPlan) as StepPlan);
  const ofPlan = accountsIn(services).map((account) =>
    planProblem(rules, { reason: plan.reason.code, steps, environmentOf: environmentAt(services, account) }),
  );
  return (
    ofPlan.find((violation) => violation !== undefined) ??
    sizeProblem(rules, total) ??
    (plan.dryRun ? undefined : timeProblem(rules, now))
  );
}

/** Returns what the approvers of a sweep sign. */
export function approvedSweep({
  sweepId,
  total,
  plan,
  stepsPlan,
  snapshotDigest = '',
  environments,
}: Pick<SweepRow, 'sweepId' | 'total' | 'plan' | 'stepsPlan' | 'snapshotDigest' | 'environments'>): ApprovedSweep {
  const digest = planDigest({ ...(plan !== undefined && { plan }), ...(stepsPlan !== undefined && { stepsPlan }) });
  return { sweepId, total, snapshotDigest, planDigest: digest, environment: environmentText(environments) };
}

/** Whether the policy asks for signed approvals of a sweep. */
export function needsSignatures(
  policy: Governing,
  { plan, total, environments }: Pick<SweepRow, 'plan' | 'total' | 'environments'>,
): boolean {
  if (!policy?.rules.approval || plan === undefined) return false;
  const { dryRun } = JSON.parse(plan) as ChunkPlan;
  return needsApproval(policy.rules, { environments: Object.values(environments), total, dryRun });
}

/** Like {@link sweepProblem}, also for signatures that the policy asks for and the ledger lacks. */
export async function sweepProblemNow(
  policy: Governing,
  sweep: SweepRow,
  { services, sweeps }: { services: BeginningPlan['services']; sweeps: Pick<SweepLedger, 'readApprovals'> },
): Promise<Violation | undefined> {
  const problem = sweepProblem(policy, sweep, services);
  if (problem || !policy || !needsSignatures(policy, sweep)) return problem;
  const signed = { ...approvedSweep(sweep), requestedBy: sweep.about?.requestedBy };
  return approvalProblem(policy.rules, signed, await sweeps.readApprovals(sweep.sweepId));
}

const NO_STEPS: StepPlan = { version: 1, tasks: {}, steps: [] };
