/** A hash function, for example SHA-256. It is passed in because code of this room also runs where Node's is absent. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

// RFC 6962, section 2.1: with different first bytes, no leaf can be passed off as a node.
const LEAF = 0;
const NODE = 1;

const NONE: readonly number[] = [];

/** The hash of one leaf. */
export function leafHash(hash: Hash, content: Uint8Array): Uint8Array {
  return hash(tagged(LEAF, content));
}

/** The root of a tree without leaves. */
export function emptyRoot(hash: Hash): Uint8Array {
  return hash(new Uint8Array());
}

/** A whole subtree: `level` 0 is a leaf, and each level above has twice as many. */
interface Subtree {
  level: number;
  hash: Uint8Array;
  /** Those of its leaves whose proofs are wanted, by index. */
  proven: readonly number[];
}

/**
 * Builds a Merkle tree (RFC 6962) from leaf hashes in their order, one at a time, and keeps no more than one hash for
 * each level. For the leaves that are added with `prove` it also collects what proves that they are in it.
 */
export class MerkleTree {
  readonly #hash: Hash;
  readonly #proofs = new Map<number, Uint8Array[]>();
  /** From the largest subtree to the smallest, as the bits of the count. */
  readonly #subtrees: Subtree[] = [];
  #count = 0;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * @param hash A hash made by {@link leafHash}.
   * @param prove Whether its proof will be asked for.
   * @returns The leaf's index, from 0.
   */
  add(hash: Uint8Array, prove = false): number {
    const index = this.#count++;
    if (prove) this.#proofs.set(index, []);
    let added: Subtree = { level: 0, hash, proven: prove ? [index] : NONE };
    for (let last = this.#subtrees.at(-1); last?.level === added.level; last = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      added = this.#join(last, added);
    }
    this.#subtrees.push(added);
    return index;
  }

  /** Returns the root over all leaves. Ends the building: the proofs are complete, and no more leaves may be added. */
  finish(): Uint8Array {
    let right = this.#subtrees.pop();
    if (right === undefined) return emptyRoot(this.#hash);
    for (let left = this.#subtrees.pop(); left !== undefined; left = this.#subtrees.pop()) {
      right = this.#join(left, right);
    }
    this.#subtrees.push(right);
    return right.hash;
  }

  /** Returns the sibling hashes on the path from a leaf up to the root. Only after `finish`. */
  proof(index: number): readonly Uint8Array[] {
    const path = this.#proofs.get(index);
    if (path === undefined) throw new RangeError(`No proof was collected for leaf ${index}.`);
    return path;
  }

  #join(left: Subtree, right: Subtree): Subtree {
    for (const index of left.proven) this.#proofs.get(index)?.push(right.hash);
    for (const index of right.proven) this.#proofs.get(index)?.push(left.hash);
    const proven = left.proven.length + right.proven.length === 0 ? NONE : [...left.proven, ...right.proven];
    return { level: left.level + 1, hash: nodeHash(this.#hash, left.hash, right.hash), proven };
  }
}

/** Proves, together with a root, that a leaf is in a tree. */
export interface InclusionProof {
  /** The leaf's index, from 0. */
  index: number;
  /** Number of leaves in the tree. */
  leaves: number;
  /** The sibling hashes on the path, the leaf's neighbour first. */
  path: readonly Uint8Array[];
}

/** Returns whether a leaf (its {@link leafHash}) is at this index of the tree with this root. */
export function isIncluded(hash: Hash, leaf: Uint8Array, proof: InclusionProof, root: Uint8Array): boolean {
  let { index, leaves } = proof;
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(leaves) || index < 0 || index >= leaves) return false;
  let node = leaf;
  let used = 0;
  while (leaves > 1) {
    // The last node of a level with an odd count has no neighbour and moves up as it is.
    const alone = index === leaves - 1 && index % 2 === 0;
    if (!alone) {
      const neighbour = proof.path[used++];
      if (neighbour === undefined) return false;
      node = index % 2 === 1 ? nodeHash(hash, neighbour, node) : nodeHash(hash, node, neighbour);
    }
    index = Math.floor(index / 2);
    leaves = Math.ceil(leaves / 2);
  }
  return used === proof.path.length && equal(node, root);
}

/** The hash of a node over its two children. */
export function nodeHash(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(1 + left.length + right.length);
  both[0] = NODE;
  both.set(left, 1);
  both.set(right, 1 + left.length);
  return hash(both);
}

function tagged(tag: number, content: Uint8Array): Uint8Array {
  const whole = new Uint8Array(1 + content.length);
  whole[0] = tag;
  whole.set(content, 1);
  return whole;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, position) => byte === b[position]);
}
