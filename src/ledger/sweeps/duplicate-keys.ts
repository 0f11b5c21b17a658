import type { SweepKey } from './sweep-key';
import type { TargetRow } from './sweep-types';

/** The keys by which duplicates of a row, and the row as a duplicate, are found. */
export interface DuplicateKeys {
  /** The row is a duplicate when an earlier row has left one of these. */
  askedFor: readonly string[];
  /** What the row leaves behind when it is none: one for each set of ids of which all are its own. */
  left: readonly string[];
  /** For a row of several IDs: an earlier row that has left one of these has an ID of it, whatever else it has. */
  shared: readonly string[];
}

/** More ids than one user can have; a bound, because the sets of ids double with each. */
const MOST_IDS = 4;

/**
 * A row is a duplicate when one earlier row has all its ids and reaches as far. Looking for that row by one of the ids
 * would be slow when a thousand rows share it, so each row leaves a key for every set of its ids, and a later row asks
 * for exactly its own set: one look-up, whatever the source holds.
 *
 * @param isDone The row is left out as done: it leaves keys of another kind, which only such rows ask for.
 */
export function duplicateKeys(key: SweepKey, { user, subjects }: TargetRow, { isDone = false } = {}): DuplicateKeys {
  const ids = [...new Set(subjects)].sort();
  if (ids.length === 0 || ids.length > MOST_IDS) {
    throw new TypeError(`subjects must hold one to ${MOST_IDS} keyed hashes, and holds ${ids.length}.`);
  }
  // Without itemIds the row is about all Items.
  const items = user.itemIds === undefined ? null : [...new Set(user.itemIds)].sort();
  const all = key.duplicateKey([ids, null]);
  const single = (id: string): string => key.duplicateKey([[id], items]);
  const shared = ids.length > 1 ? ids.map(single) : [];
  // A row for some Items is never done, so that one that is done is about all of them.
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

/** Every set but the empty one; each in the order of `ids`. */
function subsetsOf(ids: readonly string[]): string[][] {
  return ids.reduce<string[][]>((sets, id) => [...sets, ...sets.map((set) => [...set, id]), [id]], []);
}
