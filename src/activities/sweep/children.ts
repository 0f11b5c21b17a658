import { MOST_USERS_IN_A_WAVE } from '../../ledger/sweeps/sweep-types';
import type { Receipt } from '../../ledger/ledger';
import type { TargetRow } from '../../ledger/sweeps/snapshot-types';
import type { SettledUser, SweepRow } from '../../ledger/sweeps/sweep-types';
import { SweepBarredError } from '../../ledger/sweeps/sweep-errors';
import { asRecorded } from '../../policy/compensation-log';
import { remedyInCatalogue } from '../../providers/catalogue';
import { notBorneOut, withOwnEvidence } from '../../policy/settled-by-ledger';
import { dailyLimit, dayIsFull, sweepProblemNow } from '../governed';
import type { ChunkPlan, OpenChildren, OpenedChildren, RecordChildren } from './contract';
import { childWorkflowId } from '../../policy/target-reference';
import { receiptOfStep } from './user-receipts';
import type { SweepDependencies } from './sweep-dependencies';
import { rejected, withSweep } from './sweep-work';

/** The name under which the users of children are opened; one workflow at a time may do that. */
const CHUNK_ID = 'children';

/** See `SweepActivities`. Users on hold get their outcome here and are not returned. */
export async function openChildren(
  { ledger, policy, services }: Pick<SweepDependencies, 'ledger' | 'policy' | 'services'>,
  { sweepId, limit, wave, fence: known }: OpenChildren,
  sweep: SweepRow,
): Promise<OpenedChildren> {
  const { total, claimedBy, plan } = sweep;
  return withSweep(async () => {
    const { sweeps } = ledger;
    const chunk = { sweepId, chunkId: CHUNK_ID };
    const fence = known ?? (await sweeps.takeFence(chunk));
    const range = { from: 0, to: Math.max(0, total - 1) };
    const forbidden = await sweepProblemNow(policy, sweep, { services, sweeps });
    if (forbidden) return { fence, users: [], notAllowed: forbidden.rule };
    const isDryRun = plan !== undefined && (JSON.parse(plan) as ChunkPlan).dryRun;
    const daily = isDryRun ? undefined : dailyLimit(policy);
    try {
      const users = await sweeps.openWave({
        ...chunk,
        claimedBy,
        fence,
        range,
        wave,
        limit: Math.min(limit, MOST_USERS_IN_A_WAVE),
        daily,
      });
      return { fence, users: users.map(({ seq, round }) => ({ seq, round })) };
    } catch (error) {
      if (error instanceof SweepBarredError && error.obstacle === 'stopped') return { fence, users: [], stopped: true };
      if (error instanceof SweepBarredError && error.obstacle === 'dayIsFull')
        return { fence, users: [], notAllowed: dayIsFull(daily?.mostUsers).rule };
      throw error;
    }
  });
}

/**
 * See `SweepActivities`. The outcome of a step is taken from the child's calls in the ledger, not from its result.
 * Repeating it changes nothing.
 */
export async function recordChildren(
  { ledger, services, providers }: Pick<SweepDependencies, 'ledger' | 'services' | 'providers'>,
  { sweepId, fence, users }: RecordChildren,
): Promise<void> {
  await withSweep(async () => {
    const { sweeps } = ledger;
    for (let from = 0; from < users.length; from += MOST_USERS_IN_A_WAVE) {
      const settled: SettledUser[] = [];
      for (const { seq, round, steps } of users.slice(from, from + MOST_USERS_IN_A_WAVE)) {
        const user = await sweeps.readUser({ sweepId, seq });
        if (user === undefined)
          throw rejected(`The IDs of user ${seq} of the sweep ${sweepId} were deleted before it had an outcome.`);
        const workflowId = childWorkflowId(sweepId, { seq, round }, fence);
        const calls = callsFor(user, await ledger.readReceipts({ workflowId }));
        const wrong = notBorneOut(steps, calls, { wholeLists: user.user.itemIds === undefined ? 'any' : [] });
        const recorded = asRecorded(
          { steps, compensations: [] },
          { perhapsSent: [], notBorneOut: wrong },
          remedyInCatalogue,
        ).steps;
        const receipts = recorded.map((step) =>
          receiptOfStep(withOwnEvidence(step, calls), user, { services, providers }),
        );
        settled.push({ kind: 'settled', seq, round, receipts });
      }
      await sweeps.flushWave({ sweepId, chunkId: CHUNK_ID, fence, users: settled });
    }
  });
}

/**
 * Returns the calls of the runs that called for this user: anyone in the namespace can start a run under a child's ID,
 * but not one that makes these calls. Some of their calls, such as a look at a request, name no user.
 */
function callsFor({ subjects }: Pick<TargetRow, 'subjects'>, receipts: readonly Receipt[]): Receipt[] {
  const runs = new Set(receipts.filter(({ subject }) => subjects.includes(subject)).map(({ runId }) => runId));
  return receipts.filter(({ runId }) => runs.has(runId));
}
