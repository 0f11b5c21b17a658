import type { RateKey } from '../../ledger/sweeps/rate-ledger';
import type { Metrics } from '../../observability/metrics';
import type { CallBudgets, Caller } from '../call-budget';

type Tags = Readonly<Record<string, string>>;

/** Wraps budgets to count calls and to measure how long they wait. */
export function observeBudgets(budgets: CallBudgets, metrics: Metrics): CallBudgets {
  const known: { key: RateKey; tags: Record<Caller, Tags> }[] = [];
  const tagsOf = ({ service, keySlot }: RateKey, caller: Caller): Tags => {
    for (const { key, tags } of known) if (key.service === service && key.keySlot === keySlot) return tags[caller];
    const tags = { service, key_slot: keySlot };
    const added = { live: { ...tags, caller: 'live' }, sweep: { ...tags, caller: 'sweep' } };
    known.push({ key: { service, keySlot }, tags: added });
    return added[caller];
  };
  return {
    tryAdmit: (key, caller) => {
      const admitted = budgets.tryAdmit(key, caller);
      if (admitted && metrics.isOn) metrics.add('http_tasks_rate_admitted', tagsOf(key, caller));
      return admitted;
    },
    admit: async (key, caller, signal) => {
      const beganAtMs = performance.now();
      const admitted = await budgets.admit(key, caller, signal);
      if (admitted && metrics.isOn) {
        const tags = tagsOf(key, caller);
        metrics.add('http_tasks_rate_admitted', tags);
        metrics.record('http_tasks_rate_wait_milliseconds', tags, performance.now() - beganAtMs);
      }
      return admitted;
    },
    answered: (key, response) => budgets.answered(key, response),
    keepRatesOf: (sweepId) => budgets.keepRatesOf(sweepId),
    paceDryRun: (rate, signal) => budgets.paceDryRun(rate, signal),
    close: () => budgets.close(),
  };
}
