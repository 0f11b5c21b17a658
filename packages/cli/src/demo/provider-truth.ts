import type { BatchState, PlaidState } from '@temporal-http-tasks/testing/internal/simulators/control-answers';
import type { CastMember } from './cast';

/** What both providers hold, in their own words. */
export interface ProviderState {
  plaid: PlaidState;
  batch: BatchState;
}

/** What became of one user at the providers. */
export interface ProviderTruth {
  itemsRemoved: readonly string[];
  productsTerminated: boolean;
  plaidUserRemoved: boolean;
  /** By app: whether a deletion was accepted, and whether the data is gone. */
  batch: Readonly<Record<string, { accepted: boolean; gone: boolean }>>;
}

/** Looks one user up in the providers' state. */
export function truthAbout({ plaid: known, batchUserId }: CastMember, { plaid, batch }: ProviderState): ProviderTruth {
  const userId = known?.userId;
  const apps = Object.entries(batch.apps).map(([app, { touched, gone: done }]) => {
    const has = (ids: readonly string[]): boolean => batchUserId !== undefined && ids.includes(batchUserId);
    return [app, { accepted: has(touched), gone: has(done) }] as const;
  });
  return {
    itemsRemoved: plaid.items.removed.flatMap(({ itemId, user }) => (user === userId ? itemId : [])),
    productsTerminated: plaid.terminated.some(({ user }) => user === userId),
    plaidUserRemoved: userId !== undefined && plaid.removedUsers.includes(userId),
    batch: Object.fromEntries(apps),
  };
}

/** What of this user is left that had to go. */
export function notGone(member: CastMember, state: ProviderState): string[] {
  const { expected } = member;
  const truth = truthAbout(member, state);
  const items = expected.itemsGone.filter((itemId) => !truth.itemsRemoved.includes(itemId));
  const apps = expected.batchGone ? Object.entries(truth.batch).filter(([, app]) => !app.gone) : [];
  return [
    ...items.map((itemId) => `Plaid still holds ${itemId}`),
    ...(expected.productsTerminated && !truth.productsTerminated ? ["Plaid's products are not terminated"] : []),
    ...(expected.plaidUserRemoved && !truth.plaidUserRemoved ? ['Plaid still holds the user'] : []),
    ...apps.map(([app]) => `Batch still holds the custom data of ${app}`),
  ];
}

/** What was done to this user that was not to be done: a hold ignored, or an Item that nobody asked for. */
export function takenTooMuch(member: CastMember, state: ProviderState): string[] {
  const { expected } = member;
  const truth = truthAbout(member, state);
  const items = truth.itemsRemoved.filter((itemId) => expected.itemsLeft.includes(itemId));
  const apps = expected.batchGone ? [] : Object.entries(truth.batch).filter(([, app]) => app.accepted);
  return [
    ...items.map((itemId) => `${itemId} was not to be removed`),
    ...(truth.productsTerminated && !expected.productsTerminated ? ["Plaid's products were not to be terminated"] : []),
    ...(truth.plaidUserRemoved && !expected.plaidUserRemoved ? ['the Plaid user was not to be removed'] : []),
    ...apps.map(([app]) => `the custom data of ${app} was not to be deleted`),
  ];
}
