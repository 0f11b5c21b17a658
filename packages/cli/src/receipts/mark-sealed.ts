import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { ReceiptPages } from './find-receipts';

/** A receipt, and whether it is under the seal of its sweep. */
export interface MarkedReceipt extends Receipt {
  /** False for receipts that were added or changed after the sealing, of a sweep that is not sealed, and of single runs. */
  sealed: boolean;
}

/** Receipts in an order for reading, each with its mark. */
export type MarkedPages = AsyncIterable<readonly MarkedReceipt[]>;

/** Users whose numbers are at most this far apart are looked up together. */
const WIDEST_GAP = 1_000;

/**
 * Marks each receipt that is under the ledger's own seal, so that one which only bears the sweep's ID is not taken for
 * evidence of it. Whether that seal is the one that was made at the sweep's end is for `verify` to say.
 */
export async function* markSealed(sweeps: SweepLedger, pages: ReceiptPages): MarkedPages {
  for await (const page of pages) {
    const sealed = await sealedAmong(sweeps, page);
    yield page.map((receipt) => ({ ...receipt, sealed: sealed.has(receipt.id) }));
  }
}

async function sealedAmong(sweeps: SweepLedger, receipts: readonly Receipt[]): Promise<Set<number>> {
  const users = new Map<string, Set<number>>();
  for (const { workflowId, runId, activityId, seq } of receipts) {
    // Only receipts of a sweep have neither run nor activity.
    if (runId === '' && activityId === '') users.set(workflowId, (users.get(workflowId) ?? new Set()).add(seq));
  }
  const sealed = new Set<number>();
  for (const [sweepId, seqs] of users) {
    for (const range of rangesOf([...seqs]))
      for (const id of await sweeps.readSealed({ sweepId, ...range })) sealed.add(id);
  }
  return sealed;
}

function rangesOf(seqs: readonly number[]): { from: number; to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && seq - last.to <= WIDEST_GAP) last.to = seq;
    else ranges.push({ from: seq, to: seq });
  }
  return ranges;
}
