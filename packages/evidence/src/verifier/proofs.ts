import { concat, fromHex, isWhole, toHex, utf8 } from './encoding';
import type { EvidenceCrypto } from './encoding';

/** Returns the leaf hash of RFC 6962 of a text, in hex. */
export async function leafHash(crypto: EvidenceCrypto, text: string): Promise<string> {
  return toHex(await crypto.sha256(concat(Uint8Array.of(0), utf8(text))));
}

async function nodeHash(crypto: EvidenceCrypto, left: string, right: string): Promise<string> {
  return toHex(await crypto.sha256(concat(Uint8Array.of(1), fromHex(left), fromHex(right))));
}

/**
 * Checks inclusion proofs of one tree in ascending order. Nodes that two neighbours' paths have in common are hashed
 * once.
 */
export class TreeCheck {
  #last: { index: number; node: string; sibling: string | undefined }[] = [];

  constructor(
    private readonly crypto: EvidenceCrypto,
    private readonly size: number,
    private readonly root: string,
  ) {}

  async includes(leaf: string, index: number, path: readonly string[]): Promise<boolean> {
    if (!isWhole(index) || index >= this.size) return false;
    const steps: { index: number; node: string; sibling: string | undefined }[] = [];
    let [node, at, width, used, isKnown] = [leaf, index, this.size, 0, false];
    for (let level = 0; ; level++) {
      const known = this.#last[level];
      // A node that was proven before: the nodes above it were too, if the path has the same ones.
      if (!isKnown && known?.index === at && known.node === node) isKnown = true;
      if (width <= 1) {
        steps.push({ index: at, node, sibling: undefined });
        break;
      }
      const isAlone = at === width - 1 && at % 2 === 0;
      const sibling = isAlone ? undefined : path[used++];
      if (!isAlone && sibling === undefined) return false;
      steps.push({ index: at, node, sibling });
      if (isKnown) {
        if (known?.sibling !== sibling) return false;
        node = this.#last[level + 1]?.node ?? '';
      } else if (sibling !== undefined)
        node = await (at % 2 === 1 ? nodeHash(this.crypto, sibling, node) : nodeHash(this.crypto, node, sibling));
      at = Math.floor(at / 2);
      width = Math.ceil(width / 2);
    }
    if (used !== path.length || node !== this.root) return false;
    this.#last = steps;
    return true;
  }
}

/**
 * Returns whether a proof of RFC 6962 (2.1.2) shows that one tree is the beginning of another. Roots and hashes in hex.
 */
export async function isConsistent(
  crypto: EvidenceCrypto,
  {
    from,
    to,
    proof,
  }: { from: { size: number; root: string }; to: { size: number; root: string }; proof: readonly string[] },
): Promise<boolean> {
  if (from.size > to.size) return false;
  if (from.size === to.size) return from.root === to.root && proof.length === 0;
  if (from.size === 0) return proof.length === 0;
  const rest = [...proof];
  let [at, last] = [from.size - 1, to.size - 1];
  for (; at % 2 === 1; last = Math.floor(last / 2)) at = Math.floor(at / 2);
  const first = at === 0 ? from.root : rest.shift();
  if (first === undefined) return false;
  let [old, now] = [first, first];
  for (const hash of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      old = await nodeHash(crypto, hash, old);
      now = await nodeHash(crypto, hash, now);
      for (; at % 2 === 0 && at !== 0; last = Math.floor(last / 2)) at = Math.floor(at / 2);
    } else now = await nodeHash(crypto, now, hash);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && old === from.root && now === to.root;
}
