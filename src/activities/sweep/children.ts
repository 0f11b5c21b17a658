import { MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type { SettledUser } from '../../ledger/sweeps/sweep-types';
import { UnknownSweepError } from '../../ledger/sweeps/sweep-errors';
import type { OpenChildren, OpenedChildren, RecordChildren } from './contract';
import { receiptOfStep } from './receipt-of-step';
import type { SweepDependencies } from './sweep-dependencies';
import { rejected, withSweep } from './sweep-work';

/** Under this name the users of children are opened; one workflow at a time may do that. */
const CHUNK_ID = 'children';

/** See `SweepActivities`. Users on hold get their outcome here and are not answered. */
export async function openChildren(
  { ledger }: Pick<SweepDependencies, 'ledger'>,
  { sweepId, limit, wave, fence: known }: OpenChildren,
): Promise<OpenedChildren> {
  return withSweep(async () => {
    const { sweeps } = ledger;
    const chunk = { sweepId, chunkId: CHUNK_ID };
    const fence = known ?? (await sweeps.takeFence(chunk));
    const sweep = await sweeps.read(sweepId);
    if (sweep === undefined) throw new UnknownSweepError(sweepId);
    const range = { from: 0, to: Math.max(0, sweep.total - 1) };
    const users = await sweeps.openWave({ ...chunk, fence, range, wave, limit: Math.min(limit, MOST_USERS_IN_A_WAVE) });
    return { fence, users: users.map(({ seq, round }) => ({ seq, round })) };
  });
}

/** See `SweepActivities`. Repeating it changes nothing. */
export async function recordChildren(
  { ledger, services }: Pick<SweepDependencies, 'ledger' | 'services'>,
  { sweepId, fence, users }: RecordChildren,
): Promise<void> {
  await withSweep(async () => {
    const { sweeps } = ledger;
    for (let from = 0; from < users.length; from += MOST_USERS_IN_A_WAVE) {
      const settled: SettledUser[] = [];
      for (const { seq, round, steps } of users.slice(from, from + MOST_USERS_IN_A_WAVE)) {
        const user = await sweeps.readUser({ sweepId, seq });
        if (user === undefined) throw rejected(`The ids of user ${seq} of the sweep ${sweepId} are gone before it had an outcome.`);
        settled.push({ kind: 'settled', seq, round, receipts: steps.map((step) => receiptOfStep(step, user, services)) });
      }
      await sweeps.flushWave({ sweepId, chunkId: CHUNK_ID, fence, users: settled });
    }
  });
}
