import type { Outcome } from './outcome';

/** The order in which a user's steps speak for the user: the first of these that occurs is the user's outcome. */
export const WORST_FIRST = [
  'failed',
  'unknown',
  'notFound',
  'held',
  'accepted',
  'removed',
  'alreadyGone',
  'skipped',
] as const satisfies readonly Outcome[];

/** The place of an outcome in {@link WORST_FIRST}, from 1; the smaller, the worse. This number is stored: never reorder. */
export function rankOf(outcome: Outcome): number {
  return WORST_FIRST.indexOf(outcome) + 1;
}

/** The outcome at a place of {@link WORST_FIRST}, from 1. */
export function outcomeOfRank(rank: number): Outcome {
  const outcome = WORST_FIRST[rank - 1];
  if (outcome === undefined) throw new RangeError(`There is no outcome of rank ${rank}.`);
  return outcome;
}

/** The one outcome under which a user is counted; undefined for no outcomes at all. */
export function worstOutcome(outcomes: readonly Outcome[]): Outcome | undefined {
  return WORST_FIRST.find((outcome) => outcomes.includes(outcome));
}
