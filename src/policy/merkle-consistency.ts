import { emptyRoot, nodeHash } from './merkle';
import type { Hash } from './merkle';

const HASH_BYTES = 32;

/**
 * Returns the hashes that prove that a tree of `from` leaves is the beginning of one of `to` leaves (RFC 6962, section
 * 2.1.2); none if one of them is empty or they are equal.
 *
 * @param leaves At least `to` leaf hashes in their order, one behind the other.
 */
export function consistencyProof(
  hash: Hash,
  leaves: Uint8Array,
  { from, to }: { from: number; to: number },
): Uint8Array[] {
  if (from > to) throw new RangeError(`A tree of ${from} leaves is not the beginning of one of ${to}.`);
  return from === 0 || from === to ? [] : subproof(hash, leaves, { from, start: 0, end: to }, true);
}

/** Returns the root of the leaves from `start` up to and without `end`. */
export function rangeRoot(hash: Hash, leaves: Uint8Array, { start, end }: { start: number; end: number }): Uint8Array {
  if (end === start) return emptyRoot(hash);
  if (end - start === 1) return leaves.subarray(start * HASH_BYTES, end * HASH_BYTES);
  const middle = start + leftOf(end - start);
  return nodeHash(
    hash,
    rangeRoot(hash, leaves, { start, end: middle }),
    rangeRoot(hash, leaves, { start: middle, end }),
  );
}

function subproof(
  hash: Hash,
  leaves: Uint8Array,
  { from, start, end }: { from: number; start: number; end: number },
  isKnown: boolean,
): Uint8Array[] {
  const size = end - start;
  // A subtree that is the whole earlier tree needs no hash: the verifier has its root.
  if (from === size) return isKnown ? [] : [rangeRoot(hash, leaves, { start, end })];
  const left = leftOf(size);
  const middle = start + left;
  return from <= left
    ? [
        ...subproof(hash, leaves, { from, start, end: middle }, isKnown),
        rangeRoot(hash, leaves, { start: middle, end }),
      ]
    : [
        ...subproof(hash, leaves, { from: from - left, start: middle, end }, false),
        rangeRoot(hash, leaves, { start, end: middle }),
      ];
}

/** Returns the number of leaves of the left subtree: the largest power of two that is smaller than the size. */
function leftOf(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1);
}
