import type { SweepKey } from './sweep-key';
import type { TargetRow } from './sweep-types';

/** The keys that identify a row as a duplicate, and later rows as its duplicates. */
export interface DuplicateKeys {
  /** The row is a duplicate if an earlier row stored one of these. */
  askedFor: readonly string[];
  /** The keys to store if the row is not a duplicate: one for each subset of its IDs. */
  left: readonly string[];
  /** For a row of several IDs: an earlier row that stored one of these shares an ID with it. */
  shared: readonly string[];
}

/** Maximum number of IDs, more than a user can have. The number of subsets doubles with each. */
const MAX_IDS = 4;

/**
 * Returns the keys of a row. A row is a duplicate if one earlier row has all its IDs and covers the same Items.
 * Searching for that row by one ID would be slow if a thousand rows share it, so each row stores a key for every subset
 * of its IDs and a later row looks up its own set only: one look-up for any source.
 *
 * @param isDone The row is left out as done: it stores keys of another kind, which only such rows look up.
 */
export function duplicateKeys(key: SweepKey, { user, subjects }: TargetRow, { isDone = false } = {}): DuplicateKeys {
  const ids = [...new Set(subjects)].sort();
  if (ids.length === 0 || ids.length > MAX_IDS) {
    throw new TypeError(`subjects must contain one to ${MAX_IDS} keyed hashes, and contains ${ids.length}.`);
  }
  // Without itemIds the row concerns all Items.
  const items = user.itemIds === undefined ? null : [...new Set(user.itemIds)].sort();
  const all = key.duplicateKey([ids, null]);
  const single = (id: string): string => key.duplicateKey([[id], items]);
  const shared = ids.length > 1 ? ids.map(single) : [];
  // A row for only some Items is never done, so this row concerns all Items.
  if (isDone) {
    return {
      shared,
      askedFor: [all, key.duplicateKey([ids, null, 'done'])],
      left: subsetsOf(ids).map((some) => key.duplicateKey([some, null, 'done'])),
    };
  }
  return {
    shared,
    askedFor: items === null ? [all] : [all, key.duplicateKey([ids, items])],
    left: subsetsOf(ids).map((some) =>
      items === null && some.length === ids.length ? all : key.duplicateKey([some, items]),
    ),
  };
}

/** Returns all subsets except the empty one, each in the order of `ids`. */
function subsetsOf(ids: readonly string[]): string[][] {
  return ids.reduce<string[][]>((sets, id) => [...sets, ...sets.map((set) => [...set, id]), [id]], []);
}
