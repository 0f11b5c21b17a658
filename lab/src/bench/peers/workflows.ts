import { executeChild, proxyActivities } from '@temporalio/workflow';
import type { PeerActivities } from './peer-activities';

const OPTIONS = {
  startToCloseTimeout: '5 minutes',
  retry: { initialInterval: '1 second', backoffCoefficient: 2 },
} as const;
const { list, remove, terminate, deleteData, offboard, offboardAll } = proxyActivities<PeerActivities>(OPTIONS);

/** Users that a workflow of its own design works on at a time. */
const AT_A_TIME = 32;

/** A workflow for each user, with an activity for each call. */
export async function activityPerCall(userId: string): Promise<void> {
  await remove(userId, await list(userId));
  await list(userId);
  await terminate(userId);
}

/** The calls of `offboardUser`, each an activity, one after the other. */
export async function activityPerCallOfBoth(
  { plaidUserId, batchUserId }: { plaidUserId: string; batchUserId: string },
  appKeys: readonly string[],
): Promise<void> {
  await activityPerCall(plaidUserId);
  for (const key of appKeys) await deleteData(key, batchUserId);
}

/** A parent with a child for each user, each of which is {@link activityPerCall}. */
export async function childPerUser(userIds: readonly string[]): Promise<void> {
  await forAll(userIds, (userId) => executeChild(activityPerCall, { args: [userId] }));
}

/** One workflow with an activity for each user, which makes all calls. */
export async function activityPerUser(userIds: readonly string[]): Promise<void> {
  await forAll(userIds, (userId) => offboard(userId));
}

/** One workflow with one activity that makes all calls for all users: a script that Temporal retries as a whole. */
export async function oneActivity(userIds: readonly string[]): Promise<void> {
  await offboardAll(userIds);
}

async function forAll(userIds: readonly string[], work: (userId: string) => Promise<void>): Promise<void> {
  const left = userIds.values();
  const lane = async (): Promise<void> => {
    for (const userId of left) await work(userId);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}
