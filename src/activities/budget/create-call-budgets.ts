import type { RateKey, RateLedger } from '../../ledger/sweeps/rate-ledger';
import type { CallBudgets } from '../call-budget';
import { DryRunPaces } from './dry-run-paces';
import { KeyBudget } from './key-budget';
import { KeptRates } from './kept-rates';

/** What call budgets are made of. */
export interface CallBudgetsOptions {
  rates: RateLedger;
  /** Calls a minute that the provider documents for all calls under one key. */
  documentedLimit: (key: RateKey) => number | undefined;
  /**
   * A monotonic clock in milliseconds.
   * @default performance.now
   */
  now?: () => number;
}

/** Makes the budgets of this process. The ledger is asked only when somebody wants to make a call. */
export function createCallBudgets({
  rates,
  documentedLimit,
  now = () => performance.now(),
}: CallBudgetsOptions): CallBudgets {
  // Keys are few, and comparing them one by one is faster than any look-up by a name put together for each call.
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
      // A closed one is of no use to a worker that runs later in this process.
      await Promise.all(budgets.splice(0).map((budget) => budget.close()));
    },
  };
}
