import type { RateKey, RateLedger } from '../../ledger/sweeps/rate-ledger';
import type { CallBudgets } from '../call-budget';
import { DryRunPaces } from './dry-run-paces';
import { KeyBudget } from './key-budget';
import { KeptRates } from './kept-rates';

/** What call budgets need. */
export interface CallBudgetsOptions {
  rates: RateLedger;
  /** Calls per minute that the provider documents for all calls with one key. */
  documentedLimit: (key: RateKey) => number | undefined;
  /**
   * A monotonic clock in milliseconds.
   * @default performance.now
   */
  now?: () => number;
}

/** Creates the budgets of this process. The ledger is asked only if there is a call to make. */
export function createCallBudgets({
  rates,
  documentedLimit,
  now = () => performance.now(),
}: CallBudgetsOptions): CallBudgets {
  // There are few keys, and comparing them is faster than building a lookup key for every call.
  const budgets: KeyBudget[] = [];
  const kept = new KeptRates(rates, now);
  const paces = new DryRunPaces(now);
  const budgetOf = ({ service, keySlot }: RateKey): KeyBudget => {
    for (const budget of budgets) if (budget.key.service === service && budget.key.keySlot === keySlot) return budget;
    const key = { service, keySlot };
    const added = new KeyBudget({ key, rates, documentedLimit: () => documentedLimit(key), now });
    budgets.push(added);
    return added;
  };
  return {
    tryAdmit: (key, caller) => budgetOf(key).tryAdmit(caller),
    admit: (key, caller, signal) => budgetOf(key).admit(caller, signal),
    answered: (key, answer) => budgetOf(key).answered(answer),
    keepRatesOf: (sweepId) => kept.keep(sweepId),
    paceDryRun: (rate, signal) => paces.take(rate, signal),
    close: async () => {
      // A closed budget is useless to a worker that runs later in this process.
      await Promise.all(budgets.splice(0).map((budget) => budget.close()));
    },
  };
}
