import type { Receipt } from 'temporal-http-tasks/internal/ledger/ledger';
import type { SweepLedger } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-ledger';
import type { RowLabel } from 'temporal-http-tasks/internal/ledger/sweeps/sweep-types';
import type { ReceiptPages } from './find-receipts';

/** A receipt with what else the ledger has about it. */
export interface MarkedReceipt extends Receipt {
  /**
   * False for receipts that were added or changed after the sealing, of a sweep that is not sealed, and of single runs.
   */
  sealed: boolean;
  /** The case's reference as given; of users of sweeps. */
  reference?: string;
}

/** Pages of receipts in reading order, each receipt with its mark. */
export type MarkedPages = AsyncIterable<readonly MarkedReceipt[]>;

/** Maximum distance between the numbers of users that are looked up together. */
const WIDEST_GAP = 1_000;

/**
 * Marks each receipt that is under the ledger's own seal, so that a receipt that only has the sweep's ID is not taken
 * for evidence of it, and adds the user's reference. `verify` checks whether that seal is the one from the sweep's end.
 */
export async function* markReceipts(sweeps: SweepLedger, pages: ReceiptPages): MarkedPages {
  for await (const page of pages) {
    const sealed = new Set<number>();
    const labels = new Map<string, ReadonlyMap<number, RowLabel>>();
    for (const [sweepId, receipts] of bySweep(page)) {
      const seqs = [...new Set(receipts.map(({ seq }) => seq))];
      for (const range of rangesOf(seqs))
        for (const id of await sweeps.readSealed({ sweepId, ...range })) sealed.add(id);
      labels.set(sweepId, await sweeps.readLabels({ sweepId, seqs }));
    }
    yield page.map((receipt) => {
      const reference = isOfSweep(receipt) ? labels.get(receipt.workflowId)?.get(receipt.seq)?.reference : undefined;
      return { ...receipt, sealed: sealed.has(receipt.id), ...(reference !== undefined && { reference }) };
    });
  }
}

/** Only receipts of a sweep's users have neither run nor activity. */
function isOfSweep({ runId, activityId }: Receipt): boolean {
  return runId === '' && activityId === '';
}

function bySweep(receipts: readonly Receipt[]): Map<string, Receipt[]> {
  const sweeps = new Map<string, Receipt[]>();
  for (const receipt of receipts.filter(isOfSweep))
    sweeps.set(receipt.workflowId, [...(sweeps.get(receipt.workflowId) ?? []), receipt]);
  return sweeps;
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
