import { MerkleLevels } from '../../policy/merkle-levels';
import { sha256 } from './leaf';
import { notAsSealed, requireSeal } from './seal';
import { sealSlices } from './seal-slices';
import type { SweepContext } from './sweep-context';
import type { ReceiptProof } from './sweep-types';

/** Initial capacity of the buffer, in leaves; it doubles when full. */
const FIRST_LEAVES = 4_096;
const HASH_BYTES = 32;

/** See `SweepLedger.proveAll`. Reads the receipts twice: to build the tree, and to prove each receipt. */
export async function* proveAll(context: SweepContext, { sweepId }: { sweepId: string }): AsyncGenerator<ReceiptProof> {
  const { receiptsRoot } = await context.inTime(() => requireSeal(context, sweepId));
  const tree = new MerkleLevels(sha256, await readLeaves(context, sweepId));
  if (hex(tree.root) !== receiptsRoot) throw notAsSealed(sweepId);
  let index = 0;
  for await (const { receipts } of sealSlices(context, sweepId, { withKept: false })) {
    for (const { id, seq, step, fields } of receipts) {
      // Receipts were added between the two reads.
      if (index >= tree.leaves) throw notAsSealed(sweepId);
      yield { receipt: id, seq, step, fields, index, leaves: tree.leaves, path: tree.path(index).map(hex) };
      index += 1;
    }
  }
}

async function readLeaves(context: SweepContext, sweepId: string): Promise<Uint8Array> {
  let leaves = Buffer.alloc(FIRST_LEAVES * HASH_BYTES);
  let used = 0;
  for await (const { receipts } of sealSlices(context, sweepId, { withKept: false })) {
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
