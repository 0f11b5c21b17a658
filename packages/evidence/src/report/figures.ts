import type { ReceiptGroup } from 'temporal-http-tasks/internal/ledger/sweeps/summary-types';
import type { SweepCounts } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { Outcome } from 'temporal-http-tasks/internal/policy/outcome';
import { isOutcome } from './standings';
import type { Tally } from './standings';

/** How the users of a sweep stand, each once. */
export function usersTally({ pending, open, waitingForBulk, total: _, ...outcomes }: SweepCounts): Tally {
  return { ...outcomes, unfinished: pending + open + waitingForBulk };
}

/** The last words on one step. */
export interface StepFigures {
  step: string;
  tally: Tally;
}

/** The last words by step, in the order of the steps' names, holds first: they come before every step. */
export function stepFigures(groups: readonly ReceiptGroup[]): StepFigures[] {
  const steps = new Map<string, Tally>();
  for (const { step, outcome, receipts } of lastWordGroups(groups)) {
    const tally = steps.get(step) ?? {};
    tally[outcome] = (tally[outcome] ?? 0) + receipts;
    steps.set(step, tally);
  }
  return [...steps]
    .map(([step, tally]) => ({ step, tally }))
    .sort((a, b) => orderOf(a.step) - orderOf(b.step) || (a.step < b.step ? -1 : 1));
}

const STEPS_IN_ORDER = ['hold', 'plaid.items', 'plaid.products', 'plaid.user'];

function orderOf(step: string): number {
  const place = STEPS_IN_ORDER.indexOf(step);
  return place < 0 ? STEPS_IN_ORDER.length : place;
}

/** The groups that are last words with an outcome. */
export function lastWordGroups(groups: readonly ReceiptGroup[]): (ReceiptGroup & { outcome: Outcome })[] {
  return groups.filter(
    (group): group is ReceiptGroup & { outcome: Outcome } => group.phase === 'settled' && isOutcome(group.outcome),
  );
}

/** Why steps did not go well. */
export interface CodeFigures {
  step: string;
  outcome: Outcome;
  /** The provider's code; else the reason, the status, or the type of the failure. */
  code: string;
  receipts: number;
}

/** So many codes are shown, the most frequent ones; the others are put together. */
const MOST_CODES = 12;

/** Last words that need a person, by the provider's code, the most frequent first. */
export function codeFigures(
  groups: readonly ReceiptGroup[],
  needsPerson: readonly Outcome[],
): { shown: CodeFigures[]; others: number } {
  const codes = new Map<string, CodeFigures>();
  for (const group of lastWordGroups(groups).filter(({ outcome }) => needsPerson.includes(outcome))) {
    const figures = { step: group.step, outcome: group.outcome, code: codeOf(group), receipts: 0 };
    const key = JSON.stringify(figures);
    const known = codes.get(key) ?? figures;
    known.receipts += group.receipts;
    codes.set(key, known);
  }
  const all = [...codes.values()].sort((a, b) => b.receipts - a.receipts);
  const rest = all.slice(MOST_CODES);
  return { shown: all.slice(0, MOST_CODES), others: rest.reduce((sum, { receipts }) => sum + receipts, 0) };
}

/** What says most about why a step ended as it did. */
export function codeOf(said: Pick<ReceiptGroup, 'code' | 'reason' | 'status' | 'failureType' | 'various'>): string {
  if (said.various) return 'various codes';
  const status = said.status === undefined ? undefined : `status ${said.status}`;
  return said.code ?? said.reason ?? status ?? said.failureType ?? 'no code';
}
