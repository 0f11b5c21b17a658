import type { SubjectHasher } from './subject';

/** The ids under which one user is known. */
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
 * The keyed hashes of a user's ids, one for each; the first is the one a run's receipts and workflow id carry. A hold
 * on any of them is a hold on the user. {@link pairSubjects} tells which ID each belongs to.
 *
 * @param plaidEnvironment For example `sandbox`: the same id in another environment is another user.
 */
export function userSubjects(user: UserIds, plaidEnvironment: string, hasher: SubjectHasher): string[] {
  return PROVIDERS.flatMap(([id, service]) => {
    const value = user[id];
    return value === undefined
      ? []
      : [hasher.subject(service, service === 'plaid' ? plaidEnvironment : BATCH_ENVIRONMENT, value)];
  });
}

/** A keyed hash with the ID that it was made of. */
export interface NamedSubject {
  id: keyof UserIds;
  /** The provider that knows the user by the ID. */
  service: (typeof PROVIDERS)[number][1];
  subject: string;
}

/**
 * Returns the ID and the provider of each of a user's keyed hashes.
 *
 * @param subjects As {@link userSubjects} returned them for the same IDs.
 * @throws TypeError when there is not exactly one for each ID.
 */
export function pairSubjects(user: UserIds, subjects: readonly string[]): NamedSubject[] {
  const given = PROVIDERS.filter(([id]) => user[id] !== undefined);
  if (given.length !== subjects.length)
    throw new TypeError(
      `subjects must have one keyed hash for each of ${given.length} IDs, and has ${subjects.length}.`,
    );
  return given.map(([id, service], index) => ({ id, service, subject: subjects[index] ?? '' }));
}

/** Returns the keyed hash of a user's ID at a provider; an empty text when the user has none there. */
export function subjectAt(service: string, { user, subjects }: { user: UserIds; subjects: readonly string[] }): string {
  return pairSubjects(user, subjects).find((named) => named.service === service)?.subject ?? '';
}
