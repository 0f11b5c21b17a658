import { idsOf } from '../../policy/user-ids';
import type { NamedIds } from '../../policy/user-ids';
import { isNamedThing } from '../user-subjects';
import type { IsThing } from '../user-subjects';
import type { SweepKey } from './sweep-key';
import type { TargetRow } from './snapshot-types';

/**
 * The keys that identify a row as a duplicate, and later rows as its duplicates. Only the first
 * sixteen characters of a text count; see `DUPLICATE_KEY_CHARACTERS`.
 */
export interface DuplicateKeys {
  /** The row is a duplicate if an earlier row stored one of these. */
  lookedUp: readonly string[];
  /** The keys to store if the row is not a duplicate: one for each subset of its IDs. */
  left: readonly string[];
  /** For a row of several IDs: an earlier row that stored one of these shares an ID with it. */
  shared: readonly string[];
}

/** Maximum number of IDs of which every subset has a key, because the number of subsets doubles with each ID. */
const MAX_SUBSET_IDS = 4;

/**
 * Returns the things of a user to which a row is limited, such as the only items to remove, in a form that is equal for
 * equal things; null for a row that concerns everything of the user.
 */
export function thingsOf(user: NamedIds, isThing: IsThing = isNamedThing): readonly unknown[] | null {
  if (concernsAll(user)) return null;
  const things: (readonly unknown[])[] = [];
  for (const [provider, given] of Object.entries(idsOf(user))) {
    for (const [id, value] of Object.entries(given)) {
      // A list without entries identifies no user.
      if (!isThing(provider, id) && (typeof value === 'string' || value.length > 0)) continue;
      things.push(typeof value === 'string' ? [value] : [...new Set(value)].sort());
    }
  }
  const [first, ...others] = things;
  if (first === undefined) return null;
  return others.length === 0 ? first : things;
}

/** Whether a row has nothing but single IDs of the first providers, as most of a source have. */
function concernsAll({ ids, itemIds }: NamedIds): boolean {
  return ids === undefined && itemIds === undefined;
}

/** What the keys of a row depend on besides its IDs. */
interface KeyRules {
  /** The row is left out as done: it stores keys of another kind, which only such rows look up. @default false */
  isDone?: boolean;
  isThing?: IsThing | undefined;
  /** Whether the key of a row with one ID is the beginning of its hash; see {@link KnownKeys}. */
  direct: boolean;
}

/**
 * Returns the keys of a row. A row is a duplicate if one earlier row has all its IDs and covers the same Items.
 * Searching for that row by one ID would be slow if a thousand rows share it, so each row stores a key for every subset
 * of its IDs and a later row looks up its own set only: one look-up for any source.
 */
export function duplicateKeys(
  key: SweepKey,
  { user, subjects }: TargetRow,
  { isDone = false, isThing, direct }: KeyRules,
): DuplicateKeys {
  if (direct && subjects.length === 1 && !isDone && concernsAll(user))
    return { lookedUp: subjects, left: subjects, shared: NONE };
  const ids = [...new Set(subjects)].sort();
  const [first] = ids;
  if (first === undefined) throw new TypeError('subjects must contain at least one keyed hash.');
  const items = thingsOf(user, isThing);
  const keyOfAll = (some: readonly string[]): string =>
    direct && some.length === 1 ? (some[0] ?? '') : key.duplicateKey([some, null]);
  const all = keyOfAll(ids);
  if (ids.length === 1 && items === null && !isDone) {
    const keys = [all];
    return { lookedUp: keys, left: keys, shared: NONE };
  }
  const keyOf = (some: readonly string[]): string =>
    items === null ? keyOfAll(some) : key.duplicateKey([some, items]);
  const shared = ids.length > 1 ? ids.map((id) => keyOf([id])) : NONE;
  // A row for only some Items is never done, so this row concerns all Items.
  if (isDone) {
    return {
      shared,
      lookedUp: [all, key.duplicateKey([ids, null, 'done'])],
      left: subsetsOf(ids).map((some) => key.duplicateKey([some, null, 'done'])),
    };
  }
  return {
    shared,
    lookedUp: items === null ? [all] : [all, keyOf(ids)],
    left: subsetsOf(ids).map(keyOf),
  };
}

const NONE: readonly string[] = [];

/** Of no row. */
export const NO_KEYS: DuplicateKeys = { lookedUp: NONE, left: NONE, shared: NONE };

/**
 * Returns all subsets except the empty one, each in the order of `ids`. Of many IDs only those that have one ID or all:
 * a later row with some others of them is offboarded for itself, which does no harm.
 */
function subsetsOf(ids: readonly string[]): string[][] {
  if (ids.length > MAX_SUBSET_IDS) return [...ids.map((id) => [id]), [...ids]];
  return ids.reduce<string[][]>((sets, id) => [...sets, ...sets.map((set) => [...set, id]), [id]], []);
}
