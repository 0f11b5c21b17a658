import { MerkleTree, isIncluded } from '../../policy/merkle';
import { storable } from '../values';
import { headOf, headWithReceipts, rootOfHead } from './head';
import type { SweepEnd } from './head';
import { storeLeaves } from './sealed-leaves';
import type { SealedLeaf } from './sealed-leaves';
import { sha256 } from './receipt-leaf';
import { fieldsOf, sealableReceipts } from './seal-slices';
import type { SealableReceipt } from './seal-slices';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepConflictError, UnknownSweepError } from './sweep-errors';
import { requireAtMost } from './waves';
import type { ReceiptProof } from './sweep-types';

/** A sweep's seal. Roots are in hex. */
export interface Seal {
  merkleRoot: string;
  /** The root of the receipts alone; the same as `merkleRoot` for a seal of an earlier version. */
  receiptsRoot: string;
  /** The number of receipts. */
  leaves: number;
  /** What was sealed besides the receipts, as canonical JSON; absent in a seal of an earlier version. */
  head?: string;
}

/** Maximum number of users per `prove`. */
const MAX_PROVEN_USERS = 1_000;

/** See `SweepLedger.seal`. */
export async function seal(
  context: SweepContext,
  { sweepId, end, onProgress }: { sweepId: string; end?: SweepEnd; onProgress?: (receipts: number) => void },
): Promise<Seal> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const existing = await context.inTime(() => readSeal(context, sweepId));
  if (existing !== undefined) return existing;
  await context.inTime(() => close(context, sweep));
  const fields = await headOf(context, sweepId, end);
  const tree = new MerkleTree(sha256);
  // While some leaves are being stored, the next receipts are read and hashed.
  let storing: Promise<void> | undefined;
  for await (const receipts of sealableReceipts(context, sweepId)) {
    const before = tree.count;
    for (const { leaf } of receipts) tree.add(leaf);
    if (storing !== undefined) {
      await storing;
      onProgress?.(before);
    }
    storing = context.inTime(() => storeLeaves(context, sweep, receipts.map(toKept)));
    // If the next receipts cannot be read, nothing awaits this promise.
    storing.catch(() => undefined);
  }
  await storing;
  if (tree.count > 0) onProgress?.(tree.count);
  const receiptsRoot = hex(tree.finish());
  const head = headWithReceipts(fields, { count: tree.count, root: receiptsRoot });
  await context.inTime(() =>
    context.db
      .updateTable('sweeps')
      .set({ merkle_root: rootOfHead(head), head, receipts_root: receiptsRoot, leaves: tree.count })
      .where('number', '=', sweep)
      .where('merkle_root', 'is', null)
      .execute(),
  );
  return context.inTime(() => requireSeal(context, sweepId));
}

/** Returns the seal of a sweep. @throws SweepConflictError when it has none. */
export async function requireSeal(context: SweepContext, sweepId: string): Promise<Seal> {
  const found = await readSeal(context, sweepId);
  if (found !== undefined) return found;
  throw new SweepConflictError(`sweepId: sweep ${sweepId} is not sealed yet; it is sealed when it ends.`);
}

/** See `SweepLedger.prove`. */
export async function prove(
  context: SweepContext,
  { sweepId, seqs }: { sweepId: string; seqs: readonly number[] },
): Promise<ReceiptProof[]> {
  requireAtMost('seqs', seqs.length, MAX_PROVEN_USERS);
  const { receiptsRoot } = await context.inTime(() => requireSeal(context, sweepId));
  const wanted = new Set(seqs);
  const found: { receipt: SealableReceipt; index: number }[] = [];
  const tree = new MerkleTree(sha256);
  for await (const receipts of sealableReceipts(context, sweepId)) {
    for (const receipt of receipts) {
      const isWanted = wanted.has(receipt.seq);
      const index = tree.add(receipt.leaf, isWanted);
      if (isWanted) found.push({ receipt, index });
    }
  }
  const root = tree.finish();
  if (hex(root) !== receiptsRoot) throw notAsSealed(sweepId);
  return found.map(({ receipt, index }) => {
    const path = tree.proof(index);
    if (!isIncluded(sha256, receipt.leaf, { index, leaves: tree.count, path }, root)) {
      throw new Error(`The proof of receipt ${receipt.id} does not lead to the root.`);
    }
    const { id, seq, step } = receipt;
    return { receipt: id, seq, step, fields: fieldsOf(receipt), index, leaves: tree.count, path: path.map(hex) };
  });
}

/** Returns the error for receipts that no longer match their seal. */
export function notAsSealed(sweepId: string): SweepConflictError {
  return new SweepConflictError(
    `sweepId: the receipts of sweep ${sweepId} are not those that were sealed, so nothing can be proven. Use verify to find the differences.`,
  );
}

async function readSeal({ db }: SweepContext, sweepId: string): Promise<Seal | undefined> {
  const row = await db
    .selectFrom('sweeps')
    .select(['merkle_root', 'receipts_root', 'leaves', 'head'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  if (row.merkle_root === null) return undefined;
  return {
    merkleRoot: row.merkle_root,
    receiptsRoot: row.receipts_root ?? row.merkle_root,
    leaves: row.leaves ?? 0,
    ...(row.head !== null && { head: row.head }),
  };
}

/** Voids every fence and grants no new ones, so that no more receipts can be added. */
function close({ db, store }: SweepContext, sweep: number): Promise<void> {
  return store.run(db, 'sweep_close', { sweep, at: new Date().toISOString() });
}

function toKept({ id, seq, step, leaf }: SealableReceipt): SealedLeaf {
  return { receipt: id, seq, step, leaf };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
