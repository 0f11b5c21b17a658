import type { SubjectHasher } from './subject';

/** The IDs of one user. */
export interface UserIds {
  plaidUserId?: string | undefined;
  plaidUserToken?: string | undefined;
  batchUserId?: string | undefined;
}

/** The provider of each ID, in the order in which {@link userSubjects} returns their hashes. */
const PROVIDERS = [
  ['plaidUserId', 'plaid'],
  ['plaidUserToken', 'plaid'],
  ['batchUserId', 'batch'],
] as const satisfies readonly (readonly [keyof UserIds, string])[];

/** Batch has one environment only. */
const BATCH_ENVIRONMENT = 'default';

/**
 * Returns the keyed hashes of a user's IDs, one for each; the first appears in a run's receipts and workflow ID. A hold
 * on any of them is a hold on the user. {@link pairSubjects} returns which ID each belongs to.
 *
 * @param plaidEnvironment For example `sandbox`: the same ID in another environment is another user.
 */
export function userSubjects(user: UserIds, plaidEnvironment: string, hasher: SubjectHasher): string[] {
  return PROVIDERS.flatMap(([id, service]) => {
    const value = user[id];
    return value === undefined
      ? []
      : [hasher.subject(service, service === 'plaid' ? plaidEnvironment : BATCH_ENVIRONMENT, value)];
  });
}

/** A keyed hash with the ID it was made from. */
export interface NamedSubject {
  id: keyof UserIds;
  /** The provider of the ID. */
  service: (typeof PROVIDERS)[number][1];
  subject: string;
}

/**
 * Returns the ID and the provider of each of a user's keyed hashes.
 *
 * @param subjects As {@link userSubjects} returned them for the same IDs.
 * @throws TypeError unless there is exactly one for each ID.
 */
export function pairSubjects(user: UserIds, subjects: readonly string[]): NamedSubject[] {
  const given = PROVIDERS.filter(([id]) => user[id] !== undefined);
  if (given.length !== subjects.length)
    throw new TypeError(
      `subjects must have one keyed hash for each of ${given.length} IDs, and has ${subjects.length}.`,
    );
  return given.map(([id, service], index) => ({ id, service, subject: subjects[index] ?? '' }));
}

/** Returns the keyed hash of a user's ID at a provider, or an empty string if the user has none there. */
export function subjectAt(service: string, { user, subjects }: { user: UserIds; subjects: readonly string[] }): string {
  return pairSubjects(user, subjects).find((named) => named.service === service)?.subject ?? '';
}
