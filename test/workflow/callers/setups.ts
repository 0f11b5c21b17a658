import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { OffboardUserInput } from 'temporal-http-tasks/workflow';
import type { offboardUser } from 'temporal-http-tasks/internal/workflows/offboard-user';
import { freshId } from '../../support/offboarding';
import type { Place } from '../../support/offboarding';
import { startOffboarding, until } from '../../support/offboarding-runs';
import { untilProgress } from '../../support/sweep-runs';
import type { SweepHandle, SweepPlace } from '../../support/sweep-runs';

/** A sweep of two users in chunks that waits for its approval. */
export async function unapprovedSweep(
  place: SweepPlace,
): Promise<{ handle: SweepHandle; sweepId: string; users: string[] }> {
  const prefix = freshId('unapproved');
  const handle = await place.start({
    source: { file: await place.users(2, { prefix }) },
    approval: true,
    granularity: 'chunk',
  });
  await untilProgress(handle, 'it waits', ({ status }) => status === 'waitingForApproval');
  await until(
    'its row says so',
    async () => (await place.ledger.sweeps.read(handle.workflowId))?.status === 'waitingForApproval',
  );
  return { handle, sweepId: handle.workflowId, users: [`${prefix}-0`, `${prefix}-1`] };
}

/**
 * Starts an offboarding whose first read is silent, and completes that activity in its place, as any client of the
 * namespace can.
 */
export async function asyncCompletionPending(
  place: Place,
  user: OffboardUserInput['user'],
  { activityId, result }: { activityId: string; result: unknown },
): Promise<{ handle: WorkflowHandleWithFirstExecutionRunId<typeof offboardUser> }> {
  place.simulators.plaid.configure({ latencyMs: 1_000 });
  const handle = await startOffboarding(place, { user });
  await until('the activity has begun', async () => {
    const { raw } = await handle.describe();
    return (raw.pendingActivities ?? []).some(
      (pending) => pending.activityId === activityId && (pending.attempt ?? 0) >= 1 && Boolean(pending.lastStartedTime),
    );
  });
  await place.client.workflowService.respondActivityTaskCompletedById({
    namespace: 'default',
    workflowId: handle.workflowId,
    runId: handle.firstExecutionRunId,
    activityId,
    result: {
      payloads: [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(result)) }],
    },
    identity: 'somebody else',
  });
  place.simulators.plaid.configure({ latencyMs: 0 });
  return { handle };
}
