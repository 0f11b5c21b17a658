import { SWEEP_RATE_COUNTS_MS } from '../../ledger/sweeps/rate-ledger';
import type { RateKey, RateLedger } from '../../ledger/sweeps/rate-ledger';
import type { CallBudgets } from '../call-budget';
import { DryRunPaces } from './dry-run-paces';
import { KeyBudget } from './key-budget';

/** Interval in milliseconds; short enough that two consecutive statements may fail. */
const KEEP_EVERY_MS = SWEEP_RATE_COUNTS_MS / 3;

/** Keeps the rates of sweeps in effect while this process makes calls for them. */
export class KeptRates {
  readonly #rates: Pick<RateLedger, 'keepSweepRates'>;
  readonly #now: () => number;
  /** By sweep: when its rates were last kept, and the statement in progress that keeps them. */
  readonly #kept = new Map<string, { atMs: number; keeping?: Promise<void> }>();

  constructor(rates: Pick<RateLedger, 'keepSweepRates'>, now: () => number) {
    this.#rates = rates;
    this.#now = now;
  }

  async keep(sweepId: string): Promise<void> {
    const kept = this.#kept.get(sweepId);
    if (kept?.keeping) return kept.keeping;
    const nowMs = this.#now();
    if (kept && nowMs < kept.atMs + KEEP_EVERY_MS) return;
    const keeping = this.#keep(sweepId, nowMs);
    this.#kept.set(sweepId, { atMs: kept?.atMs ?? Number.NEGATIVE_INFINITY, keeping });
    return keeping;
  }

  async #keep(sweepId: string, nowMs: number): Promise<void> {
    try {
      await this.#rates.keepSweepRates(sweepId);
      for (const [other, { atMs, keeping }] of this.#kept)
        if (!keeping && nowMs > atMs + SWEEP_RATE_COUNTS_MS) this.#kept.delete(other);
      this.#kept.set(sweepId, { atMs: nowMs });
    } catch (error) {
      this.#kept.delete(sweepId);
      throw error;
    }
  }
}

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
    answered: (key, response) => budgetOf(key).answered(response),
    keepRatesOf: (sweepId) => kept.keep(sweepId),
    paceDryRun: (rate, signal) => paces.take(rate, signal),
    close: async () => {
      // A closed budget is useless to a worker that runs later in this process.
      await Promise.all(budgets.splice(0).map((budget) => budget.close()));
    },
  };
}
