import type { CallRecord } from '../simulators/control-responses';
import { blindRepetitions, REST, unrecordedCalls } from './honesty';
import type { Recorded, Report, ReportedStep } from './observed';
import { allowedOutcomes, GOOD } from './provider-cell';
import type { CallFacts, ProviderCell, StepFacts } from './provider-cell';

/** What the provider has of a user at a step. */
export interface StepTruth {
  step: string;
  /** What had to go and is still there. */
  left: number;
  /** What is gone. */
  gone: number;
  /** Requests that were filed. */
  filed: number;
  /** What is gone and was not asked for. */
  beyond: number;
}

/** Everything observed about the user of a cell. */
export interface ObservedUser {
  /** Absent if the run did not end. */
  report?: Report;
  /** Why there is no report. */
  problem?: string;
  receipts: readonly Recorded[];
  steps: readonly StepTruth[];
  /** Steps that are not about this user, who has none of the IDs that they need. */
  notAbout: readonly string[];
  /** The calls about this user, in order. */
  calls: readonly CallRecord[];
  /** Irreversible calls that were carried out again. */
  repeats: readonly { endpoint: string; item?: string; times: number }[];
  /** Whether the call that was to meet the fault was made. */
  faultMet: boolean;
  /** Paths and states of the provider file that the document does not have. */
  unplaced: readonly { operation: string; path: string; described: readonly string[] }[];
}

/** A user of whom something is wrong. */
export interface JudgedUser {
  /** What is wrong; empty when nothing is. */
  problems: readonly string[];
  /** Whether every step is reported as done. */
  completed: boolean;
}

/**
 * Judges a user of a provider by the kinds of its steps: every step is reported, and truly; nothing that is reported as
 * removed is left; no irreversible call was carried out twice or sent again blindly; every call has an intent and an
 * outcome; and one fault that passes leaves a step undone only where the provider file gives no way to settle it.
 */
export function judgeProviderUser(cell: ProviderCell, steps: readonly StepFacts[], observed: ObservedUser): JudgedUser {
  const { report } = observed;
  const problems = [...repeatedCalls(steps, observed), ...unrecorded(steps, observed)];
  if (!report) return { problems: [observed.problem ?? 'there is no result', ...problems], completed: false };
  const outcomesOf = (step: string): string[] => reportedOn(step, report.steps).map(({ outcome }) => outcome);
  for (const step of steps) {
    const reported = reportedOn(step.step, report.steps);
    if (reported.length === 0) problems.push(`no outcome is reported for ${step.step}`);
    const allowed = observed.notAbout.includes(step.step) ? ['skipped'] : allowedOutcomes(step, cell, outcomesOf);
    const bad = reported.filter(({ outcome }) => !allowed.includes(outcome));
    problems.push(...untruths(step, reported, observed));
    if (bad.length > 0) problems.push(...bad.map((one) => `${inWords(one)}${hintsFor(step, observed)}`));
  }
  if (!observed.faultMet) problems.push(`${cell.call} was not called, so that the fault did not happen`);
  const about = steps.filter(({ step }) => !observed.notAbout.includes(step));
  const completed = about.every(({ step }) => outcomesOf(step).every((outcome) => GOOD.includes(outcome)));
  return { problems: [...new Set(problems)], completed };
}

function reportedOn(step: string, reported: readonly ReportedStep[]): ReportedStep[] {
  const own = reported.filter((one) => one.step === step);
  return own.length > 0 ? own : reported.filter((one) => one.step === REST);
}

function inWords({ step, outcome, reason }: ReportedStep): string {
  return `${step} is ${outcome}${reason === undefined ? '' : ` (${reason})`}`;
}

function untruths(
  { step, calls }: StepFacts,
  reported: readonly ReportedStep[],
  { steps, calls: made }: ObservedUser,
): string[] {
  const truth = steps.find((one) => one.step === step) ?? { left: 0, gone: 0, filed: 0, beyond: 0 };
  const outcomes = new Set(reported.map(({ outcome }) => outcome));
  const all = (wanted: readonly string[]): boolean => reported.every(({ outcome }) => wanted.includes(outcome));
  const claim = `${step} is reported as ${[...outcomes].join(' and ')}`;
  if (reported.length === 0) return [];
  if (truth.beyond > 0) return [`${step} removed ${truth.beyond} items that were not asked for`];
  if (outcomes.has('accepted') && truth.filed + truth.gone === 0) return [`${claim}, but nothing was filed`];
  if (all(['removed', 'alreadyGone']) && truth.left > 0) return [`${claim}, but ${truth.left} of it are still there`];
  if (all(['failed', 'skipped', 'held']) && truth.gone + truth.filed > 0)
    return [`${claim}, but the provider carried it out`];
  if (outcomes.has('notFound')) return [`${claim}, but the provider had it`];
  const operations = Object.values(calls).map(({ operation }) => operation);
  const wasLost = made.some(
    ({ endpoint, fault, status }) => operations.includes(endpoint) && (fault || status === null),
  );
  return outcomes.has('unknown') && !wasLost ? [`${claim}, but every call got its response`] : [];
}

function repeatedCalls(steps: readonly StepFacts[], { repeats, calls }: ObservedUser): string[] {
  const all = steps.flatMap((step) => Object.values(step.calls));
  const done = repeats.map(({ endpoint, item, times }) => {
    const isResent = all.some(({ operation, resent }) => operation === endpoint && resent);
    const hint = isResent
      ? '; settle: resend sends it again, and nothing says that the provider refuses a second one'
      : '';
    return `${endpoint} was carried out ${times + 1} times${item === undefined ? '' : ` for ${item}`}${hint}`;
  });
  const settled = steps.flatMap(({ calls: { act, look, find } }) => {
    const read = look ?? find;
    // A read that names no user is not among the user's calls.
    return act && !act.resent && (read?.namesUser ?? true) ? [{ act, read }] : [];
  });
  const irreversible = settled.flatMap(({ act }) => (act.effect === 'irreversible' ? [act.operation] : []));
  const reads = settled.flatMap(({ read }) => read?.operation ?? []);
  return [...done, ...blindRepetitions(calls, irreversible, reads)];
}

function unrecorded(steps: readonly StepFacts[], { receipts, calls }: ObservedUser): string[] {
  const effects = steps.flatMap(({ step, calls: own }) =>
    Object.values(own).flatMap(({ operation, effect }) => (effect === 'read' ? [] : [{ step, operation }])),
  );
  const changing = calls.filter(({ endpoint }) => effects.some(({ operation }) => operation === endpoint));
  const isOf = (step: string, endpoint: string): boolean =>
    effects.some((effect) => effect.step === step && effect.operation === endpoint);
  return unrecordedCalls(changing, receipts, isOf);
}

/** What the calls of a step say about why it was not done. */
function hintsFor({ calls: own }: StepFacts, { calls, unplaced }: ObservedUser): string {
  const operations = Object.values(own).map(({ operation }) => operation);
  const missing = unplaced
    .filter(({ operation }) => operations.includes(operation))
    .map(({ operation, path, described }) => {
      const has = described.length > 0 ? `; it has ${described.slice(0, 8).join(', ')}` : '';
      return `the document describes the response of ${operation} without ${path}${has}`;
    });
  const lost = calls.find(({ endpoint, fault }) => operations.includes(endpoint) && fault !== undefined);
  const refused = calls.findLast(
    ({ endpoint, status, fault }) => operations.includes(endpoint) && fault === undefined && (status ?? 0) >= 400,
  );
  const hints = [
    ...missing,
    ...(lost ? [`${lost.endpoint} met the fault and was ${lost.processed ? '' : 'not '}carried out`] : []),
    ...(refused ? [refusal(refused, own.look)] : []),
  ];
  return hints.length === 0 ? '' : `: ${hints.join('; ')}`;
}

function refusal({ endpoint, status, code }: CallRecord, look: CallFacts | undefined): string {
  const shown = code === undefined ? `${status}` : `${status} with the code ${code}`;
  const isExpected = [code, status].some((one) => one !== undefined && one !== null && look?.absent.includes(one));
  const hint = look?.operation === endpoint && !isExpected ? `, which is not under absent of ${endpoint}` : '';
  return `${endpoint} returned ${shown}${hint}`;
}
