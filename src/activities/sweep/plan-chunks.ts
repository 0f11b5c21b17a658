import { outcomeCounts } from '../../ledger/sweeps/summary-types';
import type { SweepCounts, SweepRow } from '../../ledger/sweeps/sweep-types';
import type { PlanChunks, PlannedChunks } from './contract';
import type { SweepDependencies } from './sweep-dependencies';
import { withSweep } from './sweep-work';
import { dailyLimit, sweepProblemNow } from '../governed';
import type { Governing } from '../governed';
import type { OpenedLedger } from '../../ledger/open-ledger';
import type { RuleName } from '../../operator-policy/rules';

/** See `SweepActivities`. Reads only. */
export async function planChunks(
  { ledger, policy, services }: Pick<SweepDependencies, 'ledger' | 'policy' | 'services'>,
  { sweepId, limit, ...query }: PlanChunks,
  sweep: SweepRow,
): Promise<PlannedChunks> {
  return withSweep(async () => {
    const { sweeps } = ledger;
    const counted = await sweeps.count(sweepId);
    const readyForBulk = await sweeps.readyForBulk(sweepId);
    const waitingForPerson = await sweeps.countWaiting(sweepId);
    const stopped = (await ledger.forbids([])) === 'stopped';
    const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps });
    const notAllowed = forbidden?.rule ?? (await fullDay(ledger, policy, counted));
    // Without a request for chunks only the counts are needed.
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
      ...(notAllowed !== undefined && { notAllowed }),
    };
  });
}

/** Returns the rule that forbids to start new users today, if any user waits for it. */
async function fullDay(
  ledger: Pick<OpenedLedger, 'countUsersOfDay'>,
  policy: Governing,
  { pending }: SweepCounts,
): Promise<RuleName | undefined> {
  const daily = pending > 0 ? dailyLimit(policy) : undefined;
  return daily && (await ledger.countUsersOfDay(daily.day)) >= daily.mostUsers ? 'users.perDay' : undefined;
}
