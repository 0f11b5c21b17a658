import { emptyRoot, nodeHash } from './merkle';
import type { Hash } from './merkle';

/**
 * A Merkle tree (RFC 6962) that grows: the roots of its largest whole subtrees, from the largest to the smallest, which
 * are all that later roots need.
 */
export interface Peaks {
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
}

/** Returns the tree with one leaf more. */
export function withLeaf(hash: Hash, { size, hashes }: Peaks, leaf: Uint8Array): Peaks {
  const peaks = [...hashes];
  let added = leaf;
  // Each whole subtree of the size of what was added is joined with it, as a carry in binary addition.
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = peaks.pop();
    if (left === undefined) throw new RangeError(`A tree of ${size} leaves has more whole subtrees than were given.`);
    added = nodeHash(hash, left, added);
  }
  return { size: size + 1, hashes: [...peaks, added] };
}

/** Returns the root of the tree. */
export function rootOfPeaks(hash: Hash, { hashes }: Peaks): Uint8Array {
  if (hashes.length === 0) return emptyRoot(hash);
  return hashes.reduceRight((right, left) => nodeHash(hash, left, right));
}
