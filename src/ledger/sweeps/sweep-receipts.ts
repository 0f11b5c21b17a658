import { storable } from '../values';
import type { Receipt } from '../ledger';
import { toReceipt } from '../receipts';
import type { SweepContext } from './sweep-context';

/** See `SweepLedger.readReceipts`. */
export async function readReceipts(
  { db }: SweepContext,
  { sweepId, afterSeq, limit }: { sweepId: string; afterSeq: number; limit: number },
): Promise<Receipt[]> {
  const ofSweep = db
    .selectFrom('receipts')
    .where('workflow_id', '=', storable(sweepId))
    .where('run_id', '=', '')
    .where('activity_id', '=', '')
    .where('seq', '>', afterSeq);
  const last = await ofSweep.select('seq').orderBy('seq').offset(Math.max(0, limit - 1)).limit(1).executeTakeFirst();
  const page = last === undefined ? ofSweep : ofSweep.where('seq', '<=', last.seq);
  const rows = await page.selectAll().execute();
  return rows.sort((a, b) => a.seq - b.seq || Number(a.id) - Number(b.id)).map(toReceipt);
}
