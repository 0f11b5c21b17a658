import { idsOf, inOrder, NAMED_FIELDS, ONLY_ENVIRONMENT } from '../policy/user-ids';
import type { NamedIds, ProviderIds } from '../policy/user-ids';
import type { SubjectHasher } from './subject';

/** The single IDs of one user at the first providers. */
export type UserIds = Pick<NamedIds, 'plaidUserId' | 'plaidUserToken' | 'batchUserId'>;

/** An ID by which a provider knows a user; of a list, one entry. */
export interface Identity {
  provider: string;
  /** The name of the ID, for example `contactId`. */
  id: string;
  value: string;
}

/** Returns whether an ID names things of a user, such as the only items to remove, and not the user. */
export type IsThing = (provider: string, id: string) => boolean;

/** What {@link IsThing} returns where only the first providers are known. */
export const isNamedThing: IsThing = (provider, id) =>
  NAMED_FIELDS.some((one) => one.provider === provider && one.id === id && 'thing' in one);

/**
 * Returns the IDs that say who a user is, in the order of their hashes: by provider (plaid, batch, then by name); within
 * a provider single IDs come before lists, each by name. The order needs no definition of a provider, so that a hash can
 * always be paired with its ID.
 */
export function identitiesOf(ids: ProviderIds, isThing: IsThing = isNamedThing): Identity[] {
  const providers = Object.keys(ids);
  return (providers.length === 1 ? providers : inOrder(providers)).flatMap((provider) => {
    const given = Object.entries(ids[provider] ?? {}).filter(([id]) => !isThing(provider, id));
    given.sort(([one, a], [other, b]) => Number(Array.isArray(a)) - Number(Array.isArray(b)) || (one < other ? -1 : 1));
    return given.flatMap(([id, value]) => {
      const values = typeof value === 'string' ? [value] : [...new Set(value)];
      return values.map((one) => ({ provider, id, value: one }));
    });
  });
}

/** Returns {@link identitiesOf} of the IDs of a user. Most have nothing but single IDs at the first providers. */
export function identitiesOfUser(user: NamedIds, isThing: IsThing = isNamedThing): Identity[] {
  if (user.ids !== undefined || user.itemIds !== undefined) return identitiesOf(idsOf(user), isThing);
  let found: Identity[] | undefined;
  for (const { field, provider, id } of NAMED_FIELDS) {
    const value = user[field];
    if (typeof value !== 'string' || isThing(provider, id)) continue;
    const identity = { provider, id, value };
    // An array that was empty takes more memory than one row needs.
    if (found === undefined) found = [identity];
    else found.push(identity);
  }
  return found ?? [];
}

/**
 * Returns the keyed hash of each ID, in the order of {@link identitiesOf}.
 *
 * @param environmentOf The environment in which the IDs of a provider are valid, at the user's account.
 * @param serviceOf The service of the user's account at a provider. @default the default account's, named as the provider
 */
export function subjectsOf(
  identities: readonly Identity[],
  environmentOf: (provider: string) => string,
  hasher: SubjectHasher,
  serviceOf: (provider: string) => string = (provider) => provider,
): string[] {
  return identities.map(({ provider, value }) => hasher.subject(serviceOf(provider), environmentOf(provider), value));
}

/**
 * Returns the keyed hashes of a user's IDs, one for each; the first appears in a run's receipts and workflow ID. A hold on
 * any of them is a hold on the user. {@link pairSubjects} returns which ID each belongs to.
 *
 * @param environments By provider; the others have one only. The same ID in another environment is another user.
 */
export function userSubjects(
  user: NamedIds,
  environments: Readonly<Record<string, string>>,
  hasher: SubjectHasher,
): string[] {
  const environmentOf = (provider: string): string => environments[provider] ?? ONLY_ENVIRONMENT;
  return subjectsOf(identitiesOf(idsOf(user)), environmentOf, hasher);
}

/** A keyed hash with the ID it was made from. */
export interface NamedSubject {
  id: string;
  /** The provider of the ID. */
  service: string;
  subject: string;
}

/**
 * Returns the ID and the provider of each of a user's keyed hashes.
 *
 * @param subjects As {@link subjectsOf} returned them for the same IDs.
 * @throws TypeError unless there is exactly one for each ID.
 */
export function pairSubjects(
  user: NamedIds,
  subjects: readonly string[],
  isThing: IsThing = isNamedThing,
): NamedSubject[] {
  const given = identitiesOf(idsOf(user), isThing);
  if (given.length !== subjects.length)
    throw new TypeError(
      `subjects must have one keyed hash for each of ${given.length} IDs, and has ${subjects.length}.`,
    );
  return given.map(({ id, provider }, index) => ({ id, service: provider, subject: subjects[index] ?? '' }));
}
