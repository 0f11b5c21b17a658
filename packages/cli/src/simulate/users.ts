import type { BatchSeedInput, PlaidSeedInput } from '@temporal-http-tasks/testing/internal/simulators/control-api';
import { readUserFile } from '../users/read-file';

/** The users of a file, as each simulator takes them; absent if no row has an ID for it. */
export interface SeededUsers {
  plaid?: PlaidSeedInput;
  batch?: BatchSeedInput;
}

/**
 * Reads the users whom the simulators know from the start. Each user at Plaid has the Items of its row; one without a
 * user ID is a user of an older integration, known by its token only.
 *
 * @throws Refusal when the file cannot be read or is not a user file.
 */
export async function seedUsers(file: string): Promise<SeededUsers> {
  const rows = await readUserFile(file, '--users');
  const plaid = rows.flatMap(({ plaidUserId, plaidUserToken, itemIds = [] }) => {
    const userId = plaidUserId ?? plaidUserToken;
    if (userId === undefined) return [];
    const token = plaidUserToken !== undefined && { userToken: plaidUserToken, tokenOnly: plaidUserId === undefined };
    return [{ userId, ...token, items: itemIds }];
  });
  const batch = rows.flatMap(({ batchUserId }) => batchUserId ?? []);
  return {
    ...(plaid.length > 0 && { plaid: { users: plaid } }),
    ...(batch.length > 0 && { batch: { users: batch } }),
  };
}
