import type { Outcome } from './outcome';

/** The order in which the outcomes of a user's steps count: the first of these that occurs is the user's outcome. */
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

/**
 * Returns the rank of an outcome in {@link WORST_FIRST}, from 1; the smaller, the worse. This number is stored: never
 * reorder.
 */
export function rankOf(outcome: Outcome): number {
  return WORST_FIRST.indexOf(outcome) + 1;
}

/** Returns the outcome of a rank in {@link WORST_FIRST}, from 1. */
export function outcomeOfRank(rank: number): Outcome {
  const outcome = WORST_FIRST[rank - 1];
  if (outcome === undefined) throw new RangeError(`There is no outcome of rank ${rank}.`);
  return outcome;
}

/** Returns the one outcome under which a user is counted; undefined without outcomes. */
export function worstOutcome(outcomes: readonly Outcome[]): Outcome | undefined {
  return WORST_FIRST.find((outcome) => outcomes.includes(outcome));
}
