import { expectedOf } from './expect';
import type { ExpectedStep } from './expect';
import { stepsOf } from './cell';
import type { Cell } from './cell';
import { findingsOf, isDone, reportedOn } from './honesty';
import type { Findings } from './honesty';
import type { Observed } from './observed';

/** The oracle's verdict on one user. */
export interface Judgement {
  ok: boolean;
  /** Whether the run reports the user as deleted. */
  completed: boolean;
  /** The expected result, in words. */
  expected: string;
  /** The actual result; if it differs, with every difference. */
  got: string;
  findings: Findings;
}

/** Judges one cell: whether it has the expected result, and whether everything holds that must always hold. */
export function judgeCell(cell: Cell, observed: Observed, apps: readonly string[]): Judgement {
  const { steps, statuses } = expectedOf(cell, apps);
  const findings = findingsOf(observed, stepsOf(cell, apps), apps);
  const mismatches = observed.report
    ? [...statusMismatch(observed.report.status, statuses), ...steps.flatMap((step) => mismatchOf(step, observed))]
    : [];
  for (const { step, done } of steps) {
    if (done === false && isDone(step, observed.truth))
      findings.wronglyDeleted.push(`${step} was done and should not have been`);
  }
  const expected = `${statuses.join(' or ')}: ${steps.map(inWords).join('; ')}`;
  return judgement(expected, observed, findings, mismatches);
}

/** Judges a user with several faults whose combined result cannot be predicted: only what must always hold. */
export function judgeAlways(
  steps: readonly string[],
  observed: Observed,
  apps: readonly string[],
  statuses: readonly string[],
): Judgement {
  const findings = findingsOf(observed, steps, apps);
  const mismatches = observed.report ? statusMismatch(observed.report.status, statuses) : [];
  return judgement(`${statuses.join(' or ')}, and a true report`, observed, findings, mismatches);
}

function judgement(expected: string, observed: Observed, findings: Findings, mismatches: readonly string[]): Judgement {
  const points = [...Object.values(findings as unknown as Record<string, string[]>).flat(), ...mismatches];
  const got = points.length > 0 ? `${points.join('; ')} [${reportInWords(observed)}]` : reportInWords(observed);
  return { ok: points.length === 0, completed: observed.report?.status === 'completed', expected, got, findings };
}

function statusMismatch(status: string, statuses: readonly string[]): string[] {
  return statuses.includes(status) ? [] : [`the run is ${status}`];
}

function mismatchOf({ step, outcomes, done }: ExpectedStep, { report, truth }: Observed): string[] {
  const reported = reportedOn(step, report?.steps ?? []);
  const wrong = reported
    .filter(({ outcome }) => !outcomes.includes(outcome))
    .map(({ outcome, reason }) => `${step} is ${outcome}${reason === undefined ? '' : ` (${reason})`}`);
  return done === true && !isDone(step, truth) ? [...wrong, `${step} was not done`] : wrong;
}

function inWords({ step, outcomes, done }: ExpectedStep): string {
  const truth = done === 'either' ? '' : done ? ', done' : ', not done';
  return `${step} ${outcomes.join('/')}${truth}`;
}

function reportInWords({ report, problem }: Observed): string {
  if (!report) return problem ?? 'no report';
  const steps = report.steps.map(({ step, outcome, reason }) => [step, outcome, reason].filter(Boolean).join(' '));
  return `${report.status}: ${steps.join('; ')}`;
}
