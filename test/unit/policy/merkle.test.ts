import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { MerkleTree, emptyRoot, isIncluded, leafHash } from 'temporal-http-tasks/internal/policy/merkle';
import { MerkleLevels } from 'temporal-http-tasks/internal/policy/merkle-levels';
import type { Hash } from 'temporal-http-tasks/internal/policy/merkle';

const sha256: Hash = (bytes) => createHash('sha256').update(bytes).digest();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The definition of RFC 6962, section 2.1, word for word: recursive and with all leaves in memory. */
function byDefinition(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  const node = [Buffer.from([1]), byDefinition(leaves.slice(0, split)), byDefinition(leaves.slice(split))];
  return sha256(Buffer.concat(node));
}

function leavesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => leafHash(sha256, Buffer.from(`leaf ${index}`)));
}

function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const tree = new MerkleTree(sha256);
  for (const leaf of leaves) tree.add(leaf);
  return tree.finish();
}

describe('the Merkle tree', () => {
  it('has the roots that Certificate Transparency publishes for its test leaves', () => {
    // The eight inputs and the roots of the trees over the first n of them, from certificate-transparency-go.
    const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const leaves = inputs.map((input) => leafHash(sha256, Buffer.from(input, 'hex')));
    expect(hex(emptyRoot(sha256))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex(rootOf(leaves.slice(0, 1)))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    expect(hex(rootOf(leaves.slice(0, 2)))).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125');
    expect(hex(rootOf(leaves))).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  });

  it('is the one of the definition for every number of leaves', () => {
    for (let count = 0; count <= 70; count++) {
      const leaves = leavesOf(count);
      expect(hex(rootOf(leaves))).toBe(hex(byDefinition(leaves)));
    }
  });

  it('proves every leaf of every size, and only with its own path, place, size, leaf and root', () => {
    for (const count of [1, 2, 3, 5, 8, 13, 31, 64, 65]) {
      const leaves = leavesOf(count);
      const tree = new MerkleTree(sha256);
      expect(leaves.map((leaf) => tree.add(leaf, true))).toEqual(leaves.map((_, index) => index));
      const root = tree.finish();
      leaves.forEach((leaf, index) => {
        const proof = { index, leaves: count, path: tree.proof(index) };
        expect(isIncluded(sha256, leaf, proof, root)).toBe(true);
        expect(isIncluded(sha256, leafHash(sha256, Buffer.from('other')), proof, root)).toBe(false);
        expect(isIncluded(sha256, leaf, { ...proof, path: [...proof.path, root] }, root)).toBe(false);
        expect(isIncluded(sha256, leaf, { ...proof, index: count }, root)).toBe(false);
        expect(isIncluded(sha256, leaf, proof, leafHash(sha256, root))).toBe(false);
        if (count > 1) {
          expect(isIncluded(sha256, leaf, { ...proof, index: (index + 1) % count }, root)).toBe(false);
          expect(isIncluded(sha256, leaf, { ...proof, path: proof.path.slice(1) }, root)).toBe(false);
        }
      });
    }
  });

  it('changes its root with any leaf that is changed, added, removed or moved', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 40 }), fc.nat(), (texts, choice) => {
        const leaves = texts.map((text) => leafHash(sha256, Buffer.from(text)));
        const at = choice % leaves.length;
        const other = leafHash(sha256, Buffer.from(texts.join() + 'other'));
        const root = hex(rootOf(leaves));
        const moved = [...leaves.slice(1), ...leaves.slice(0, 1)];
        for (const changed of [leaves.with(at, other), [...leaves, other], leaves.toSpliced(at, 1), moved]) {
          expect(hex(rootOf(changed))).not.toBe(root);
        }
      }),
    );
  });

  it('takes no node for a leaf', () => {
    const leaves = leavesOf(2);
    const asLeaf = leafHash(sha256, Buffer.concat(leaves));
    expect(hex(rootOf([asLeaf]))).not.toBe(hex(rootOf(leaves)));
  });

  it('gives no proof that was not asked for', () => {
    const tree = new MerkleTree(sha256);
    tree.add(leafHash(sha256, new Uint8Array()));
    tree.finish();
    expect(() => tree.proof(0)).toThrow(RangeError);
    expect(() => tree.proof(5)).toThrow(RangeError);
  });
});

describe('the Merkle tree with all its levels', () => {
  it('has the same root, and a path from every leaf, for every number of leaves', () => {
    for (let count = 0; count <= 70; count++) {
      const leaves = leavesOf(count);
      const levels = new MerkleLevels(sha256, Buffer.concat(leaves));
      const root = rootOf(leaves);
      expect(hex(levels.root)).toBe(hex(root));
      for (const [index, leaf] of leaves.entries()) {
        expect(isIncluded(sha256, leaf, { index, leaves: count, path: levels.path(index) }, root)).toBe(true);
      }
    }
  });

  it('has no path from a leaf that is not there', () => {
    const levels = new MerkleLevels(sha256, Buffer.concat(leavesOf(3)));
    for (const index of [-1, 3, 0.5]) expect(() => levels.path(index)).toThrow(RangeError);
  });
});
