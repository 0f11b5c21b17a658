import type { SubjectHasher } from './subject';

/** The ids under which one user is known. */
export interface UserIds {
  plaidUserId?: string;
  plaidUserToken?: string;
  batchUserId?: string;
}

/** Batch has one environment only. */
const BATCH_ENVIRONMENT = 'default';

/**
 * The keyed hashes of a user's ids, one for each; the first is the one a run's receipts and workflow id carry. A hold
 * on any of them is a hold on the user.
 *
 * @param plaidEnvironment For example `sandbox`: the same id in another environment is another user.
 */
export function userSubjects(user: UserIds, plaidEnvironment: string, hasher: SubjectHasher): string[] {
  const { plaidUserId, plaidUserToken, batchUserId } = user;
  return [
    ...[plaidUserId, plaidUserToken].flatMap((id) => (id === undefined ? [] : [hasher.subject('plaid', plaidEnvironment, id)])),
    ...(batchUserId === undefined ? [] : [hasher.subject('batch', BATCH_ENVIRONMENT, batchUserId)]),
  ];
}
