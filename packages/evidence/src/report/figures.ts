import type { ReceiptGroup } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { SweepCounts } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import type { DoneStep, PlannedSteps } from './planned-steps';
import { isOutcome } from './standings';
import type { Tally } from './standings';

/** Returns the users of a sweep by standing, each once. */
export function usersTally({ pending, open, waitingForBulk, total: _, ...outcomes }: SweepCounts): Tally {
  return { ...outcomes, unfinished: pending + open + waitingForBulk };
}

/** The final outcomes of one step at one system. */
export interface StepFigures extends NamedStep {
  tally: Tally;
}

/** A step as it is shown. */
interface NamedStep {
  /** `courier.contact`. */
  step: string;
  /** `Courier Mail`; of an account `Courier Mail (acme)`. */
  system: string;
  /** `Courier Mail contact`. */
  label: string;
}

/** The final outcomes by step and account, in the order of the plan, holds first: they come before every step. */
export function stepFigures(groups: readonly ReceiptGroup[], planned: PlannedSteps): StepFigures[] {
  const steps = new Map<string, StepFigures>();
  for (const group of finalOutcomeGroups(groups)) {
    const named = namedStep(group, planned);
    const figures = steps.get(named.label) ?? { ...named, tally: {} };
    figures.tally[group.outcome] = (figures.tally[group.outcome] ?? 0) + group.receipts;
    steps.set(named.label, figures);
  }
  return [...steps.values()].sort((a, b) => planned.compare(a.step, b.step) || (a.system < b.system ? -1 : 1));
}

function namedStep({ step, service }: DoneStep, planned: PlannedSteps): NamedStep {
  const done = { step, service };
  return { step, system: planned.systemOf(done), label: planned.labelOf(done) };
}

/** Returns the groups of final outcomes. */
export function finalOutcomeGroups(groups: readonly ReceiptGroup[]): (ReceiptGroup & { outcome: Outcome })[] {
  return groups.filter(
    (group): group is ReceiptGroup & { outcome: Outcome } => group.phase === 'settled' && isOutcome(group.outcome),
  );
}

/** Problems of a step. */
export interface CodeFigures extends NamedStep {
  outcome: Outcome;
  /** The provider's code; else the reason, the status, or the type of the failure. */
  code: string;
  receipts: number;
}

/** Maximum number of codes: the most frequent ones are shown, the others are combined. */
const MOST_CODES = 12;

/** Returns the final outcomes that need attention, by the provider's code, the most frequent first. */
export function codeFigures(
  groups: readonly ReceiptGroup[],
  needsPerson: readonly Outcome[],
  planned: PlannedSteps,
): { shown: CodeFigures[]; others: number } {
  const codes = new Map<string, CodeFigures>();
  for (const group of finalOutcomeGroups(groups).filter(({ outcome }) => needsPerson.includes(outcome))) {
    const figures = { ...namedStep(group, planned), outcome: group.outcome, code: codeOf(group), receipts: 0 };
    const key = JSON.stringify(figures);
    const known = codes.get(key) ?? figures;
    known.receipts += group.receipts;
    codes.set(key, known);
  }
  const all = [...codes.values()].sort((a, b) => b.receipts - a.receipts);
  const rest = all.slice(MOST_CODES);
  return { shown: all.slice(0, MOST_CODES), others: rest.reduce((sum, { receipts }) => sum + receipts, 0) };
}

/** Returns the most specific reason for the end of a step. */
export function codeOf(group: Pick<ReceiptGroup, 'code' | 'reason' | 'status' | 'failureType' | 'various'>): string {
  if (group.various) return 'various codes';
  const status = group.status === undefined ? undefined : `status ${group.status}`;
  return group.code ?? group.reason ?? status ?? group.failureType ?? 'no code';
}
