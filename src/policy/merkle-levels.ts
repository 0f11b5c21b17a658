import { emptyRoot, nodeHash } from './merkle';
import type { Hash } from './merkle';

const HASH_BYTES = 32;

/**
 * A whole Merkle tree (RFC 6962) in memory, 64 bytes for each leaf, for callers that need the proofs of all leaves:
 * `MerkleTree` would keep each of them while it builds the tree.
 */
export class MerkleLevels {
  readonly #hash: Hash;
  /** The leaves first; each level above has half as many nodes. */
  readonly #levels: readonly Uint8Array[];

  /** @param leaves The leaf hashes in their order, one behind the other. */
  constructor(hash: Hash, leaves: Uint8Array) {
    this.#hash = hash;
    const levels = [leaves];
    for (let level = leaves; level.length > HASH_BYTES;) {
      level = levelAbove(hash, level);
      levels.push(level);
    }
    this.#levels = levels;
  }

  get root(): Uint8Array {
    const top = this.#levels.at(-1);
    return top === undefined || top.length === 0 ? emptyRoot(this.#hash) : top;
  }

  get leaves(): number {
    return (this.#levels[0]?.length ?? 0) / HASH_BYTES;
  }

  /** Returns the sibling hashes on the path from a leaf up to the root, the leaf's neighbour first. */
  path(index: number): Uint8Array[] {
    if (!Number.isInteger(index) || index < 0 || index >= this.leaves)
      throw new RangeError(`There is no leaf ${index}.`);
    return this.#levels.slice(0, -1).flatMap((level, height) => {
      const neighbour = Math.floor(index / 2 ** height) ^ 1;
      // The last node of a level with an odd count has no neighbour and moves up as it is.
      return neighbour * HASH_BYTES < level.length ? [nodeAt(level, neighbour)] : [];
    });
  }
}

function levelAbove(hash: Hash, level: Uint8Array): Uint8Array {
  const count = level.length / HASH_BYTES;
  const above = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES);
  for (let left = 0; left < count; left += 2) {
    const node = left + 1 < count ? nodeHash(hash, nodeAt(level, left), nodeAt(level, left + 1)) : nodeAt(level, left);
    above.set(node, (left / 2) * HASH_BYTES);
  }
  return above;
}

function nodeAt(level: Uint8Array, index: number): Uint8Array {
  return level.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}
