import type { MerkleTree } from '../../policy/merkle';
import { rootOfHead, storedHeadWithReceipts } from './head';
import { requireSeal, notAsSealed } from './seal';
import { fieldsOf, identityOf, purgedTree, sealableReceipts, sealSlices } from './seal-slices';
import type { SealSlice } from './seal-slices';
import type { SweepContext } from './sweep-context';
import type { Difference, Verification, ReceiptProof } from './sweep-types';
import { MerkleLevels } from '../../policy/merkle-levels';
import { sha256 } from './receipt-leaf';

/** Initial capacity of the buffer, in leaves; it doubles when full. */
const FIRST_LEAVES = 4_096;

const HASH_BYTES = 32;

const MAX_NAMED = 1_000;

/** See `SweepLedger.verify`. */
export async function verify(
  context: SweepContext,
  given: { sweepId: string; expectedRoot?: string; onProgress?: (receipts: number) => void },
): Promise<Verification> {
  const { merkleRoot: sealedRoot, head } = await context.inTime(() => requireSeal(context, given.sweepId));
  // Of purged receipts only the hashes are left; they come before those that a purge has not reached yet.
  const found = await purgedTree(context, given.sweepId);
  const kept = await purgedTree(context, given.sweepId);
  const purged = found.count;
  const differences: Difference[] = [];
  let differenceCount = 0;
  for await (const slice of sealSlices(context, given.sweepId)) {
    for (const { leaf } of slice.receipts) found.add(leaf);
    for (const { leaf } of slice.kept) kept.add(leaf);
    const here = differencesIn(slice);
    differenceCount += here.length;
    differences.push(...here.slice(0, MAX_NAMED - differences.length));
    given.onProgress?.(found.count);
  }
  const root = rootOver(head, found);
  const keptRoot = rootOver(head, kept);
  const expected = given.expectedRoot?.toLowerCase() ?? sealedRoot;
  const ok = root === expected && root === sealedRoot && root === keptRoot && differenceCount === 0;
  const receipts = found.count - purged;
  return { ok, root, sealedRoot, keptRoot, receipts, ...(purged > 0 && { purged }), differences, differenceCount };
}

/** Returns the root of a sweep in hex, with these receipts under its head. Earlier versions sealed without a head. */
function rootOver(head: string | undefined, receipts: MerkleTree): string {
  const root = Buffer.from(receipts.finish()).toString('hex');
  return head === undefined ? root : rootOfHead(storedHeadWithReceipts(head, { count: receipts.count, root }));
}

/**
 * Returns the differences in a slice. A sealed receipt that exists with another row ID is not a difference. Of the
 * rest, a receipt whose row ID was sealed with other content was changed; the others were added or removed.
 */
function differencesIn({ receipts, kept }: SealSlice): Difference[] {
  const keptLeaves = new Set(kept.map(identityOf));
  const foundLeaves = new Set(receipts.map(identityOf));
  const unknown = receipts.filter((receipt) => !keptLeaves.has(identityOf(receipt)));
  const missing = kept.filter((leaf) => !foundLeaves.has(identityOf(leaf)));
  const missingIds = new Set(missing.map(({ receipt }) => receipt));
  const unknownIds = new Set(unknown.map(({ id }) => id));
  return [
    ...unknown.map(({ id, seq, step }): Difference => ({
      kind: missingIds.has(id) ? 'changed' : 'added',
      seq,
      step,
      receipt: id,
    })),
    ...missing
      .filter(({ receipt }) => !unknownIds.has(receipt))
      .map(({ receipt, seq, step }): Difference => ({ kind: 'removed', seq, step, receipt })),
  ];
}

/** See `SweepLedger.proveAll`. Reads the receipts twice: to build the tree, and to prove each receipt. */
export async function* proveAll(context: SweepContext, { sweepId }: { sweepId: string }): AsyncGenerator<ReceiptProof> {
  const { receiptsRoot } = await context.inTime(() => requireSeal(context, sweepId));
  const tree = new MerkleLevels(sha256, await readLeaves(context, sweepId));
  if (hex(tree.root) !== receiptsRoot) throw notAsSealed(sweepId);
  let index = 0;
  for await (const receipts of sealableReceipts(context, sweepId)) {
    for (const receipt of receipts) {
      // Receipts were added between the two reads.
      if (index >= tree.leaves) throw notAsSealed(sweepId);
      const { id, seq, step } = receipt;
      const place = { index, leaves: tree.leaves, path: tree.path(index).map(hex) };
      yield { receipt: id, seq, step, fields: fieldsOf(receipt), ...place };
      index += 1;
    }
  }
}

async function readLeaves(context: SweepContext, sweepId: string): Promise<Uint8Array> {
  let leaves = Buffer.alloc(FIRST_LEAVES * HASH_BYTES);
  let used = 0;
  for await (const receipts of sealableReceipts(context, sweepId)) {
    while (leaves.length < used + receipts.length * HASH_BYTES) leaves = Buffer.concat([leaves], leaves.length * 2);
    for (const { leaf } of receipts) {
      leaves.set(leaf, used);
      used += HASH_BYTES;
    }
  }
  return leaves.subarray(0, used);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
