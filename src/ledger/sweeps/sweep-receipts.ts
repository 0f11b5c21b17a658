import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import type { Receipt } from '../ledger';
import { toReceipt } from '../receipts';
import type { ReceiptRow } from '../receipts';
import { storable } from '../values';
import type { SweepContext } from './sweep-context';

/**
 * Returns the condition for all receipts of a sweep, which have its ID and neither run nor activity. The index
 * `receipts_key` finds them by seq.
 */
export function ofSweep(sweepId: string): RawBuilder<SqlBool> {
  return sql`workflow_id = ${storable(sweepId)} and run_id = '' and activity_id = ''`;
}

/** Sorts receipts by user, and per user in the order in which they were written. */
export function inReadingOrder(rows: readonly ReceiptRow[]): ReceiptRow[] {
  return [...rows].sort((a, b) => a.seq - b.seq || Number(a.id) - Number(b.id));
}

/** See `SweepLedger.readReceipts`. */
export async function readReceipts(
  { db }: SweepContext,
  { sweepId, afterSeq, limit }: { sweepId: string; afterSeq: number; limit: number },
): Promise<Receipt[]> {
  const rest = db.selectFrom('receipts').where(ofSweep(sweepId)).where('seq', '>', afterSeq);
  const last = await rest
    .select('seq')
    .orderBy('seq')
    .offset(Math.max(0, limit - 1))
    .limit(1)
    .executeTakeFirst();
  const page = last === undefined ? rest : rest.where('seq', '<=', last.seq);
  return inReadingOrder(await page.selectAll().execute()).map(toReceipt);
}
