import { SweepFencedError, SweepSealedError } from '../../ledger/sweeps/sweep-errors';
import type { SweepRow } from '../../ledger/sweeps/sweep-types';
import { BulkRun } from './bulk-run';
import type { BulkResult, RunBulk } from './contract';
import { sweepProblemNow } from '../governed';
import { keepRates } from './own-rates';
import type { SweepDependencies } from './sweep-dependencies';
import { plannedOf } from './sweep-plan';
import { beating, withSweep } from './sweep-work';

/**
 * Makes the bulk calls of one step for all users who wait for it, one after the other. Irreversible, and may be
 * repeated at any time: users of a call whose response was not recorded are sent again, which does no harm.
 *
 * When it is cancelled, it finishes the call in flight and returns. Users who were not sent keep waiting.
 */
export async function runBulk(dependencies: SweepDependencies, input: RunBulk, sweep: SweepRow): Promise<BulkResult> {
  let run: BulkRun | undefined;
  const progress = (): Pick<BulkResult, 'calls' | 'outcomes'> => run?.progress ?? { calls: 0, outcomes: {} };
  const beat = (): Pick<BulkResult, 'calls' | 'outcomes'> => {
    keepRates(dependencies.budgets, input.sweepId);
    return progress();
  };
  return beating(beat, (signal) =>
    withSweep(async () => {
      const { policy, services, ledger } = dependencies;
      const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps: ledger.sweeps });
      if (forbidden) return { ...progress(), end: 'notAllowed', rule: forbidden.rule };
      await dependencies.budgets.keepRatesOf(input.sweepId);
      try {
        const work = { ...input, ...plannedOf(sweep, dependencies), claimedBy: sweep.claimedBy };
        const begun = await BulkRun.begin(dependencies, work, signal);
        if (!(begun instanceof BulkRun)) return { ...progress(), end: 'unauthorized', unauthorized: begun };
        run = begun;
        return { ...(await run.execute()), ...progress() };
      } catch (error) {
        if (!(error instanceof SweepFencedError || error instanceof SweepSealedError)) throw error;
        return { ...progress(), end: 'fenced' };
      }
    }),
  );
}
