import type { PLAID_ENDPOINTS, PlaidSettings } from '../control-api';
import type { ApiResponse } from '../provider';
import type { RepeatLog } from '../repeat-log';
import { plaidError, PlaidRefusal, plaidSuccess, refusals } from './plaid-responses';
import { checkReason, optionalString, requiredString, requiredStrings } from './plaid-request';
import type { PlaidFields } from './plaid-request';
import type { PlaidItem, PlaidStore, PlaidUser } from './plaid-state';

export type PlaidEndpoint = (typeof PLAID_ENDPOINTS)[number];

/** What an endpoint acts on. */
export interface PlaidWorld {
  store: PlaidStore;
  repeats: RepeatLog;
  settings: PlaidSettings;
}

/** Codes of `/user/products/terminate`: twelve of the OpenAPI document and FRAUD_TRANSACTION, added later. */
const TERMINATE_REASONS: ReadonlySet<string> = new Set([
  'FRAUD_FIRST_PARTY',
  'FRAUD_FALSE_IDENTITY',
  'FRAUD_ABUSE',
  'FRAUD_OTHER',
  'FRAUD_TRANSACTION',
  'CONSUMER_LOAN_PAID_OFF',
  'CONSUMER_ACCOUNT_CLOSED',
  'CONSUMER_CHARGE_OFF',
  'CONSUMER_PAYMENT_METHOD_SWITCHED',
  'USER_OFFBOARDING',
  'DUPLICATE_ITEM',
  'BILLING_TERMINATION',
  'OTHER',
]);

/** Codes of `/item/remove`, which shares only some of the codes above. */
const ITEM_REMOVE_REASONS: ReadonlySet<string> = new Set([
  'FRAUD_FIRST_PARTY',
  'FRAUD_FALSE_IDENTITY',
  'FRAUD_ABUSE',
  'FRAUD_OTHER',
  'CONNECTION_IS_NON_FUNCTIONAL',
  'OTHER',
]);

/**
 * Each endpoint validates its fields, executes the call and returns the response. Throws `PlaidRefusal` before anything
 * changes.
 */
export const plaidEndpoints: Record<PlaidEndpoint, (fields: PlaidFields, world: PlaidWorld) => ApiResponse> = {
  userItemsGet(fields, { store, settings }) {
    const user = presentUser(fields, store);
    return plaidSuccess({ items: store.listItems(user, settings.readLag).map(wireItem) });
  },

  userItemsRemove(fields, world) {
    const user = presentUser(fields, world.store);
    const items = [...new Set(requiredStrings(fields, 'item_ids'))].map((itemId) => world.store.item(itemId));
    const mine = items.filter((item) => item?.user === user) as PlaidItem[];
    const again = mine.filter((item) => item.removedAtMs !== undefined);
    const foreign = items.length - mine.length;
    if (foreign > 0 || (again.length > 0 && world.settings.repeatedRemovals === 'refuse')) {
      for (const item of again) noteItemRepeat(world, 'refused', 'userItemsRemove', item);
      throw foreignItems(world.settings, foreign + again.length);
    }
    for (const item of mine) removeItem(world, 'userItemsRemove', item);
    return plaidSuccess();
  },

  userProductsTerminate(fields, { store, repeats }) {
    const userId = requiredString(fields, 'user_id');
    const reasonCode = checkReason(fields, TERMINATE_REASONS, true);
    const user = store.userById(userId);
    if (!user || user.removed) throw refusals.userNotFound();
    if (user.terminations > 0) repeats.note('repeatSafe', { endpoint: 'userProductsTerminate', user: user.userId });
    user.terminations += 1;
    user.terminationReason = reasonCode;
    return plaidSuccess();
  },

  itemRemove(fields, world) {
    checkReason(fields, ITEM_REMOVE_REASONS, false);
    return removeByToken('itemRemove', fields, world);
  },

  itemGet(fields, { store }) {
    const item = store.itemByAccessToken(requiredString(fields, 'access_token'));
    if (!item) throw refusals.invalidAccessToken();
    if (item.removedAtMs !== undefined) throw refusals.itemNotFound();
    return plaidSuccess({ item: wireItem(item), status: null });
  },

  itemProductsTerminate(fields, world) {
    checkReason(fields, TERMINATE_REASONS, true);
    return removeByToken('itemProductsTerminate', fields, world);
  },

  assetReportRemove(fields, { store, repeats }) {
    const token = requiredString(fields, 'asset_report_token');
    if (!store.removeAssetReport(token)) repeats.note('irreversible', { endpoint: 'assetReportRemove', user: '' });
    return plaidSuccess({ removed: true });
  },

  userItemsAssociate(fields, { store }) {
    const user = store.userById(requiredString(fields, 'user_id'));
    if (!user || user.removed) throw refusals.userNotFound();
    const items = requiredStrings(fields, 'item_ids').map((itemId) => store.item(itemId));
    if (items.some((item) => item?.removedAtMs !== undefined || !item)) throw refusals.itemNotFound();
    for (const item of items) if (item) store.moveItem(item, user);
    return plaidSuccess();
  },

  userRemove(fields, { store, repeats, settings }) {
    const user = namedUser(fields, store);
    if (!user) throw refusals.userNotFound();
    if (user.removed) {
      const kind = settings.repeatedRemovals === 'refuse' ? 'refused' : 'irreversible';
      repeats.note(kind, { endpoint: 'userRemove', user: user.userId });
      if (kind === 'refused') throw refusals.userNotFound();
      return plaidSuccess();
    }
    user.removed = true;
    for (const item of user.items) {
      if (item.removedAtMs === undefined) store.removeItem(item, settings.readLag);
    }
    return plaidSuccess();
  },
};

/**
 * Returns the user that a call concerns, for logs and fault rules, without changing anything. Never returns a token.
 */
export function userConcerned(endpoint: PlaidEndpoint, fields: PlaidFields, store: PlaidStore): string | undefined {
  const { user_id: userId, user_token: userToken, access_token: accessToken } = fields;
  if (endpoint === 'itemRemove' || endpoint === 'itemGet' || endpoint === 'itemProductsTerminate') {
    return typeof accessToken === 'string' ? store.itemByAccessToken(accessToken)?.user.userId : undefined;
  }
  if (typeof userId === 'string') {
    const known = store.userById(userId)?.userId;
    // An unknown ID may be a token of a migrated integration; real IDs begin differently.
    return known ?? (/^user-\w+-/.test(userId) ? undefined : userId);
  }
  return typeof userToken === 'string' ? store.userByToken(userToken)?.userId : undefined;
}

/** Returns the user named by exactly one of user_id and user_token, if it ever existed. */
function namedUser(fields: PlaidFields, store: PlaidStore): PlaidUser | undefined {
  const userId = optionalString(fields, 'user_id');
  const userToken = optionalString(fields, 'user_token');
  if (userId !== undefined && userToken !== undefined) {
    throw refusals.invalidField('user_token', 'must not be given together with user_id');
  }
  if (userId !== undefined) return store.userById(userId);
  if (userToken !== undefined) return store.userByToken(userToken);
  throw refusals.missingFields('user_id or user_token');
}

function presentUser(fields: PlaidFields, store: PlaidStore): PlaidUser {
  const user = namedUser(fields, store);
  if (!user || user.removed) throw refusals.userNotFound();
  return user;
}

function removeByToken(endpoint: PlaidEndpoint, fields: PlaidFields, world: PlaidWorld): ApiResponse {
  const item = world.store.itemByAccessToken(requiredString(fields, 'access_token'));
  if (!item) throw refusals.invalidAccessToken();
  if (item.removedAtMs !== undefined && world.settings.repeatedRemovals === 'refuse') {
    noteItemRepeat(world, 'refused', endpoint, item);
    throw refusals.itemNotFound();
  }
  removeItem(world, endpoint, item);
  return plaidSuccess();
}

function removeItem(world: PlaidWorld, endpoint: PlaidEndpoint, item: PlaidItem): void {
  if (item.removedAtMs !== undefined) return noteItemRepeat(world, 'irreversible', endpoint, item);
  world.store.removeItem(item, world.settings.readLag);
}

function noteItemRepeat(
  { repeats }: PlaidWorld,
  kind: 'irreversible' | 'refused',
  endpoint: PlaidEndpoint,
  item: PlaidItem,
): void {
  repeats.note(kind, { endpoint, user: item.user.userId, item: item.itemId });
}

function foreignItems({ foreignItemError }: PlaidSettings, count: number): PlaidRefusal {
  const message = `item_ids: ${count} not associated with this user; no Item was removed`;
  return new PlaidRefusal(plaidError(400, foreignItemError.errorType, foreignItemError.errorCode, message));
}

/** Returns all fields that Plaid's Item requires, and the institution's. */
function wireItem({ itemId }: PlaidItem): Record<string, unknown> {
  return {
    item_id: itemId,
    institution_id: 'ins_109508',
    institution_name: 'First Platypus Bank',
    webhook: null,
    error: null,
    available_products: ['balance', 'auth'],
    billed_products: ['transactions'],
    products: ['transactions'],
    consent_expiration_time: null,
    update_type: 'background',
  };
}
