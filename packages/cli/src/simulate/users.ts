import type { BatchSeedInput, PlaidSeedInput } from '@temporal-http-tasks/testing/internal/simulators/control-api';
import { readUserFile } from '../users/read-file';

/** The users of a file, as each simulator takes them; absent where no row has an id for it. */
export interface SeededUsers {
  plaid?: PlaidSeedInput;
  batch?: BatchSeedInput;
}

/**
 * Reads the users who are to be known at the simulators from the start. Each user at Plaid is made with the Items that
 * its row names; one without a user id is a user of an older integration, known by its token only.
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
