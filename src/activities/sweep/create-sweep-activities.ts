import { retryable } from '../ledger-away';
import type { SweepActivities } from './contract';
import type { SweepDependencies } from './sweep-dependencies';

/** The activities of `offboardUsers`, by their permanent names. */
export function createSweepActivities({ ledger }: SweepDependencies): Partial<SweepActivities> {
  return {
    'httpTasks.setSweepStatus': (change) => retryable(() => ledger.sweeps.setStatus(change)),
    'httpTasks.setRate': ({ callsPerMinute, ...key }) =>
      retryable(() => ledger.rates.setRate({ ...key, ...(callsPerMinute !== null && { limitPerMinute: callsPerMinute }) })),
  };
}
