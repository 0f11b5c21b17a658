import type { SettledUser } from '../../ledger/sweeps/sweep-types';
import { OUTCOMES } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import { worstOutcome } from '../../policy/worst-outcome';

/** Returns the outcome under which a settled user is counted; undefined for one without any step. */
export function worstOf({ receipts }: Pick<SettledUser, 'receipts'>): Outcome | undefined {
  const outcomes = receipts.map(({ outcome }) => outcome);
  return worstOutcome(OUTCOMES.filter((outcome) => outcomes.includes(outcome)));
}
