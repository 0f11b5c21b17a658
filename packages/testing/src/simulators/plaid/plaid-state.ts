import type { PlaidSeed, PlaidSettings } from '../control-api';
import type { PlaidState, PlaidStateFigures, SeedSummary } from '../control-responses';
import { ControlError } from '../control-error';

export interface PlaidItem {
  readonly itemId: string;
  /** Another user after the Item was associated with them. */
  user: PlaidUser;
  removedAtMs: number | undefined;
  /** Number of lists that will still contain it although it is removed. */
  staleReads: number;
}

export interface PlaidUser {
  readonly userId: string;
  readonly userToken: string | undefined;
  readonly tokenOnly: boolean;
  items: PlaidItem[];
  terminations: number;
  terminationReason: string | undefined;
  removed: boolean;
}

type SeedUser = PlaidSeed['users'][number];

/** The data at Plaid. Every look-up is one Map access, so the cost of a call does not depend on the number of users. */
export class PlaidStore {
  private readonly usersById = new Map<string, PlaidUser>();
  private readonly usersByToken = new Map<string, PlaidUser>();
  private readonly itemsById = new Map<string, PlaidItem>();
  /** Only tokens that are not derived from the Item's ID. */
  private readonly itemsByOwnToken = new Map<string, PlaidItem>();
  private readonly removedAssetReports = new Set<string>();
  private readonly tokenPrefix: string;

  constructor(environment: string) {
    this.tokenPrefix = `access-${environment}-`;
  }

  /** Returns the user of a `user_id`, which is its ID or, as for migrated integrations, the value of its user token. */
  userById(userId: string): PlaidUser | undefined {
    const user = this.usersById.get(userId);
    return user && !user.tokenOnly ? user : this.usersByToken.get(userId);
  }

  userByToken(userToken: string): PlaidUser | undefined {
    return this.usersByToken.get(userToken);
  }

  /** Returns a user by the simulator's own ID, removed or not. */
  seededUser(userId: string): PlaidUser | undefined {
    return this.usersById.get(userId);
  }

  item(itemId: string): PlaidItem | undefined {
    return this.itemsById.get(itemId);
  }

  itemByAccessToken(accessToken: string): PlaidItem | undefined {
    const own = this.itemsByOwnToken.get(accessToken);
    if (own || !accessToken.startsWith(this.tokenPrefix)) return own;
    return this.itemsById.get(accessToken.slice(this.tokenPrefix.length));
  }

  removeItem(item: PlaidItem, readLag: PlaidSettings['readLag']): void {
    item.removedAtMs = Date.now();
    item.staleReads = readLag.reads;
  }

  /** Takes an Item from its user and gives it to another. */
  moveItem(item: PlaidItem, user: PlaidUser): void {
    item.user.items = item.user.items.filter((other) => other !== item);
    item.user = user;
    user.items.push(item);
  }

  /** Returns false for an Asset Report that was removed before. Every token is one of a report. */
  removeAssetReport(token: string): boolean {
    if (this.removedAssetReports.has(token)) return false;
    this.removedAssetReports.add(token);
    return true;
  }

  /** Returns the Items in a user's list, and consumes one stale read of each removed one. */
  listItems(user: PlaidUser, readLag: PlaidSettings['readLag']): PlaidItem[] {
    return user.items.filter((item) => {
      if (item.removedAtMs === undefined) return true;
      const staleByReads = item.staleReads > 0;
      if (staleByReads) item.staleReads -= 1;
      return staleByReads || Date.now() < item.removedAtMs + readLag.ms;
    });
  }

  /** Adds users, replacing those with a known ID. Adds none if an Item ID belongs to another user. */
  seed(seed: PlaidSeed): SeedSummary {
    for (const [index, user] of seed.users.entries()) this.refuseForeignItems(user, index);
    for (const user of seed.users) this.addUser(user);
    const made = seed.generate;
    for (let n = 0; n < (made?.count ?? 0); n++)
      this.addUser(generatedUser(`${made?.prefix}${n}`, made?.itemsPerUser ?? 0));
    return { added: seed.users.length + (made?.count ?? 0), users: this.usersById.size };
  }

  clear(): void {
    for (const map of [this.usersById, this.usersByToken, this.itemsById, this.itemsByOwnToken]) map.clear();
    this.removedAssetReports.clear();
  }

  counts(): PlaidStateFigures['counts'] {
    const counts = {
      users: this.usersById.size,
      gone: 0,
      left: 0,
      touched: 0,
      itemsLeft: 0,
      itemsRemoved: 0,
      productsTerminated: 0,
      usersRemoved: 0,
    };
    for (const user of this.usersById.values()) {
      const itemsLeft = user.items.filter(isLeft).length;
      counts.itemsLeft += itemsLeft;
      counts.itemsRemoved += user.items.length - itemsLeft;
      counts[isDeleted(user) ? 'gone' : 'left'] += 1;
      if (isTouched(user)) counts.touched += 1;
      if (user.terminations > 0) counts.productsTerminated += 1;
      if (user.removed) counts.usersRemoved += 1;
    }
    return counts;
  }

  /** Returns everything by name. Iterates over all users, so it is meant for use between runs. */
  listing(): Omit<PlaidState, keyof PlaidStateFigures | 'repeats'> {
    const users = [...this.usersById.values()];
    const items = users.flatMap((user) => user.items);
    const nameItem = ({ itemId, user }: PlaidItem): { itemId: string; user: string } => ({ itemId, user: user.userId });
    return {
      gone: users.filter(isDeleted).map(idOf),
      left: users.filter((user) => !isDeleted(user)).map(idOf),
      touched: users.filter(isTouched).map(idOf),
      removedUsers: users.filter((user) => user.removed).map(idOf),
      items: {
        left: items.filter(isLeft).map(nameItem),
        removed: items.filter((item) => !isLeft(item)).map(nameItem),
      },
      terminated: users
        .filter((user) => user.terminations > 0)
        .map((user) => ({ user: user.userId, reasonCode: user.terminationReason ?? '', times: user.terminations })),
    };
  }

  private refuseForeignItems(user: SeedUser, index: number): void {
    for (const [place, item] of user.items.entries()) {
      const itemId = typeof item === 'string' ? item : item.itemId;
      const owner = this.itemsById.get(itemId)?.user.userId;
      if (owner !== undefined && owner !== user.userId) {
        throw new ControlError(`users.${index}.items.${place}`, `Item ${itemId} already belongs to user ${owner}`);
      }
    }
  }

  private addUser(seed: SeedUser): void {
    this.forget(seed.userId);
    const user: PlaidUser = {
      userId: seed.userId,
      userToken: seed.userToken,
      tokenOnly: seed.tokenOnly,
      items: [],
      terminations: 0,
      terminationReason: undefined,
      removed: false,
    };
    for (const given of seed.items) {
      const { itemId, accessToken } = typeof given === 'string' ? { itemId: given } : given;
      const item: PlaidItem = { itemId, user, removedAtMs: undefined, staleReads: 0 };
      user.items.push(item);
      this.itemsById.set(itemId, item);
      if (accessToken !== undefined) this.itemsByOwnToken.set(accessToken, item);
    }
    this.usersById.set(user.userId, user);
    if (user.userToken !== undefined) this.usersByToken.set(user.userToken, user);
  }

  private forget(userId: string): void {
    const known = this.usersById.get(userId);
    if (!known) return;
    for (const item of known.items) this.itemsById.delete(item.itemId);
    if (known.userToken !== undefined) this.usersByToken.delete(known.userToken);
  }
}

function generatedUser(userId: string, itemsPerUser: number): SeedUser {
  const items = Array.from({ length: itemsPerUser }, (_, n) => `item-${userId}-${n}`);
  return { userId, tokenOnly: false, items };
}

const idOf = (user: PlaidUser): string => user.userId;
const isLeft = (item: PlaidItem): boolean => item.removedAtMs === undefined;
const isDeleted = (user: PlaidUser): boolean => user.removed || (user.terminations > 0 && !user.items.some(isLeft));
const isTouched = (user: PlaidUser): boolean =>
  user.removed || user.terminations > 0 || user.items.some((item) => !isLeft(item));
