import { executeChild, proxyActivities } from '@temporalio/workflow';
import { httpTask, plaid } from 'temporal-http-tasks/workflow';
import type { offboardUser } from 'temporal-http-tasks/workflow';
import type * as activities from './activities';

// The one line that makes `offboardUser` and `runHttpTask` workflows of this worker too.
export * from 'temporal-http-tasks/workflow';

const { closeAccountRecord } = proxyActivities<typeof activities>({ startToCloseTimeout: '10 seconds' });

/** A single HTTP call from a workflow of your own: typed, retried by Temporal, recorded in the ledger. */
export async function disconnectBank(request: { plaidUserId: string; itemId: string }): Promise<string> {
  const { request_id } = await httpTask(plaid.userItemsRemove)({
    user_id: request.plaidUserId,
    item_ids: [request.itemId],
  });
  return request_id;
}

/** Offboards the user as a child workflow, then continues with the steps of your own system. */
export async function closeAccount(account: {
  accountId: string;
  plaidUserId: string;
  batchUserId: string;
}): Promise<string> {
  const { accountId, plaidUserId, batchUserId } = account;
  const { status } = await executeChild<typeof offboardUser>('offboardUser', {
    workflowId: `offboard-account-${accountId}`,
    args: [{ user: { plaidUserId, batchUserId, reference: accountId }, reason: { code: 'CONSUMER_ACCOUNT_CLOSED' } }],
  });
  return closeAccountRecord({ accountId, offboarding: status });
}
