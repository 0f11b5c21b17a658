import type { SweepCounts } from '../../ledger/sweeps/sweep-types';
import type { OutcomeCounts } from '../../policy/sweep-result';
import type { PlanChunks, PlannedChunks } from './contract';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';

/** See `SweepActivities`. Reads only. */
export async function planChunks(
  { ledger }: Pick<SweepDependencies, 'ledger'>,
  { sweepId, limit, ...query }: PlanChunks,
): Promise<PlannedChunks> {
  return withSweep(async () => {
    const { sweeps } = ledger;
    const counted = await sweeps.count(sweepId);
    const readyForBulk = await sweeps.readyForBulk(sweepId);
    const waitingForPerson = await sweeps.countWaiting(sweepId);
    const stopped = (await ledger.forbids([])) === 'stopped';
    // Who asks for no chunk wants the counts alone.
    const { ranges, nextSeq } =
      limit === 0 ? { ranges: [] } : await sweeps.readUnfinished({ sweepId, limit, ...query });
    return {
      chunks: ranges.map(({ from, to, users, notBefore }) => ({
        fromSeq: from,
        toSeq: to,
        users,
        ...(notBefore !== undefined && { notBefore }),
      })),
      ...(nextSeq !== undefined && { nextSeq }),
      counts: outcomeCounts(counted),
      waitingForBulk: counted.waitingForBulk,
      failed: await sweeps.countFailed(sweepId),
      readyForBulk,
      ...(Object.keys(waitingForPerson).length > 0 && { waitingForPerson }),
      ...(stopped && { stopped }),
    };
  });
}

/** Users as the outside counts them: who has no outcome yet is pending, whatever the ledger knows beyond that. */
export function outcomeCounts({ pending, open, waitingForBulk, ...counts }: SweepCounts): OutcomeCounts {
  return { ...counts, pending: pending + open + waitingForBulk };
}
