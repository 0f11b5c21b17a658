import { OWN_REASONS, REMOVES_USER } from '../providers/names';
import type { StepPlan } from '../policy/providers/step-plan';
import { SOURCE_KINDS } from '../policy/source-spec';
import type { SourceSpec } from '../policy/source-spec';
import { offsetAt } from '../policy/time-zone';
import type { Effect } from '../tasks/define';
import { DAYS } from './schema';
import type { PolicyRules } from './schema';

const MINUTES_PER_DAY = 24 * 60;

/** The rules of a policy, as failures and pauses name them. */
export type RuleName =
  | 'environments'
  | 'tasks'
  | 'providers'
  | 'reasonCodes'
  | 'removeUser'
  | 'compensationTasks'
  | 'sources'
  | 'users.perSweep'
  | 'users.perDay'
  | 'hours'
  | 'approval';

/** What a policy forbids, and by which of its rules. */
export interface Violation {
  rule: RuleName;
  /** What is not allowed and what is, as a sentence that starts in lower case. */
  message: string;
}

/** A call that is about to be made or planned. */
export interface GovernedCall {
  task: string;
  service: string;
  /** The input chooses where it is sent (`http.request`). */
  generic?: boolean;
  effect: Effect;
  environment: string;
  /** The reason that the call gives to the provider, where it gives one. */
  reasonCode?: string;
}

/** Returns why a call is not allowed now, or undefined. */
export function callProblem(rules: PolicyRules, call: GovernedCall, now: Date): Violation | undefined {
  return (
    placeProblem(rules, call) ??
    reasonProblem(rules, call.task === OWN_REASONS ? undefined : call.reasonCode) ??
    (call.effect === 'read' ? undefined : timeProblem(rules, now))
  );
}

/** Returns why a call of this task to this environment is never allowed, or undefined. */
function placeProblem(rules: PolicyRules, call: GovernedCall): Violation | undefined {
  const { task, service, environment, generic = false } = call;
  if (rules.tasks && !rules.tasks.some((pattern) => matches(pattern, task)))
    return { rule: 'tasks', message: `the task ${task} is not allowed; allowed: ${rules.tasks.join(', ')}` };
  if (rules.providers && !generic && !rules.providers.includes(service))
    return { rule: 'providers', message: `${service} is not allowed; allowed: ${rules.providers.join(', ')}` };
  const environments = environmentsFor(rules, service);
  if (environments && !environments.includes(environment))
    return {
      rule: 'environments',
      message: `the environment ${environment} of ${service} is not allowed; allowed: ${environments.join(', ')}`,
    };
  if (rules.removeUser === false && task === REMOVES_USER)
    return { rule: 'removeUser', message: `${task} is not allowed: users may not be deleted at Plaid` };
  return undefined;
}

function environmentsFor({ environments }: PolicyRules, service: string): readonly string[] | undefined {
  if (Array.isArray(environments) || environments === undefined) return environments;
  return Object.hasOwn(environments, service) ? environments[service] : undefined;
}

function matches(pattern: string, task: string): boolean {
  return pattern.endsWith('.*') ? task.startsWith(pattern.slice(0, -1)) : pattern === task;
}

/** Returns why an offboarding for this reason is not allowed, or undefined. */
export function reasonProblem({ reasonCodes }: PolicyRules, code: string | undefined): Violation | undefined {
  if (!reasonCodes || code === undefined || reasonCodes.some((allowed) => allowed === code)) return undefined;
  return { rule: 'reasonCodes', message: `the reason ${code} is not allowed; allowed: ${reasonCodes.join(', ')}` };
}

/** Returns why nothing may be changed at this time, or undefined. */
export function timeProblem({ hours }: PolicyRules, now: Date): Violation | undefined {
  const message = hours && hoursProblem(hours, now);
  return message === undefined ? undefined : { rule: 'hours', message };
}

/** Returns why this task may not run as a compensation, or undefined. */
export function compensationProblem({ compensationTasks }: PolicyRules, task: string): Violation | undefined {
  if (!compensationTasks || compensationTasks.includes(task)) return undefined;
  const allowed = compensationTasks.join(', ') || 'none';
  return {
    rule: 'compensationTasks',
    message: `the compensation task ${task} is not allowed; allowed: ${allowed}`,
  };
}

/** An offboarding of one or many users. */
export interface GovernedPlan {
  reason: string | undefined;
  steps: StepPlan;
  /** By provider. */
  environmentOf: (provider: string) => string;
  compensation?: string | undefined;
}

/** Returns why an offboarding is never allowed, whatever the time, or undefined. */
export function planProblem(rules: PolicyRules, plan: GovernedPlan): Violation | undefined {
  if (rules.reasonCodes && plan.reason === undefined)
    return { rule: 'reasonCodes', message: 'the run does not say its reason; start it again with this version' };
  const reason = reasonProblem(rules, plan.reason);
  if (reason) return reason;
  const compensation = plan.compensation === undefined ? undefined : compensationProblem(rules, plan.compensation);
  if (compensation) return compensation;
  for (const { task, provider } of callsOf(plan.steps)) {
    const problem = placeProblem(rules, {
      task,
      service: provider,
      effect: plan.steps.tasks[task]?.effect ?? 'irreversible',
      environment: plan.environmentOf(provider),
    });
    if (!problem) continue;
    const hint =
      problem.rule === 'providers' ? '; name the allowed ones in providers' : '; leave the step out with exclude';
    return problem.rule === 'environments' || problem.rule === 'removeUser'
      ? problem
      : { ...problem, message: `${problem.message}${hint}` };
  }
  return undefined;
}

/** Every task that a plan may call, with its provider. */
function callsOf({ steps }: StepPlan): { task: string; provider: string }[] {
  return steps.flatMap((step) => {
    if (step.kind === 'manual') return [];
    const calls = [
      step.act,
      ...('look' in step && step.look ? [step.look] : []),
      ...('bulk' in step && step.bulk ? [step.bulk] : []),
      ...(step.kind === 'request' ? [step.follow, ...(step.find ? [step.find] : [])] : []),
      ...(step.kind === 'request' && step.proceed ? [step.proceed] : []),
    ];
    return calls.map(({ task }) => ({ task, provider: step.provider }));
  });
}

/** Where the users of a sweep come from, as the rule `sources` names it. */
export function sourceName(source: SourceSpec | 'snapshot' | 'redrive'): string {
  if (typeof source === 'string') return source;
  const kind = SOURCE_KINDS.find((one) => source[one] !== undefined) ?? 'inline';
  const name = { query: source.query, pages: source.pages?.task, custom: source.custom?.name }[kind as 'query'];
  return name === undefined ? kind : `${kind}:${name}`;
}

/** Returns why the users of a sweep may not come from there, or undefined. */
export function sourceProblem({ sources }: PolicyRules, name: string): Violation | undefined {
  const [kind = ''] = name.split(':');
  if (!sources || sources.some((allowed) => allowed === kind || sameSource(allowed, name))) return undefined;
  return { rule: 'sources', message: `the source ${name} is not allowed; allowed: ${sources.join(', ')}` };
}

/** Names of queries are the same in any case. */
function sameSource(allowed: string, name: string): boolean {
  return allowed === name || (name.startsWith('query:') && allowed.toLowerCase() === name.toLowerCase());
}

/** Returns why a sweep has too many users, or undefined. */
export function sizeProblem({ users }: PolicyRules, total: number): Violation | undefined {
  if (users?.perSweep === undefined || total <= users.perSweep) return undefined;
  return {
    rule: 'users.perSweep',
    message: `a sweep may have at most ${users.perSweep} users, and this one has at least ${total}`,
  };
}

/** Returns whether a sweep has to be approved. A dry run never has. */
export function needsApproval(
  { approval }: PolicyRules,
  sweep: { environments: readonly string[]; total: number; dryRun: boolean },
): boolean {
  if (!approval || sweep.dryRun) return false;
  const { environments, usersAbove } = approval;
  return (
    (environments === undefined || sweep.environments.some((one) => environments.includes(one))) &&
    (usersAbove === undefined || sweep.total > usersAbove)
  );
}

type Hours = NonNullable<PolicyRules['hours']>;

/** Returns when changes are allowed, if it is not now; otherwise undefined. */
function hoursProblem(hours: Hours, now: Date): string | undefined {
  const { days = DAYS, from, to, zone = 'UTC' } = hours;
  const { day, minute } = localTime(now, zone);
  if (isWithin({ days, from, to }, day, minute)) return undefined;
  const time = from === undefined ? 'all day' : `from ${from} to ${to}`;
  const clock = `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
  return `changes are allowed on ${days.join(', ')} ${time} (${zone}), and it is ${DAYS[day]} ${clock} there`;
}

function isWithin(
  { days, from, to }: { days: readonly string[]; from: string | undefined; to: string | undefined },
  day: number,
  minute: number,
): boolean {
  const allows = (index: number): boolean => days.includes(DAYS[(index + 7) % 7] ?? '');
  if (from === undefined || to === undefined) return allows(day);
  const [start, end] = [minuteOf(from), minuteOf(to)];
  if (start < end) return allows(day) && minute >= start && minute < end;
  // Past midnight, the hours belong to the day on which they began.
  return (allows(day) && minute >= start) || (allows(day - 1) && minute < end);
}

function minuteOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return (hour * 60 + minute) % MINUTES_PER_DAY;
}

/** Returns the day of the week, from Monday as 0, and the minute of the day. */
function localTime(now: Date, zone: string): { day: number; minute: number } {
  const local = new Date(now.getTime() + offsetAt(zone, now.getTime()));
  return { day: (local.getUTCDay() + 6) % 7, minute: local.getUTCHours() * 60 + local.getUTCMinutes() };
}
