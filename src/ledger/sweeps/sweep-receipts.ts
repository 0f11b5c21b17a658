import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import { rankOf } from '../../policy/outcome';
import type { Outcome } from '../../policy/outcome';
import type { Receipt } from '../ledger';
import { toReceipt } from '../receipts';
import type { ReceiptRow } from '../receipts';
import { storable } from '../values';
import type { UsersWithOutcome } from './summary-types';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';

/**
 * Returns the condition for all receipts of a sweep, which have its ID and neither run nor activity. The index
 * `receipts_key` finds them by seq.
 */
export function ofSweep(sweepId: string): RawBuilder<SqlBool> {
  return sql`workflow_id = ${storable(sweepId)} and run_id = '' and activity_id = ''`;
}

/** Sorts receipts by user, and per user in the order in which they were written. */
function inReadingOrder(rows: readonly ReceiptRow[]): ReceiptRow[] {
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

/** Maximum number of users per statement, because each is one parameter. */
const USERS_AT_ONCE = 500;

/** See `SweepLedger.readUsersWithOutcome`. */
export async function readUsersWithOutcome(
  context: SweepContext,
  {
    sweepId,
    outcomes,
    limit,
    afterSeq = -1,
  }: { sweepId: string; outcomes: readonly Outcome[]; limit: number; afterSeq?: number },
): Promise<UsersWithOutcome> {
  if (outcomes.length === 0) return { users: 0, receipts: [] };
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const found = context.db.selectFrom('targets').where('sweep', '=', sweep).where('worst', 'in', outcomes.map(rankOf));
  const { users } = await context.inTime(() =>
    found.select((eb) => eb.fn.countAll<number | string>().as('users')).executeTakeFirstOrThrow(),
  );
  const first = await context.inTime(() =>
    found.select('seq').where('seq', '>', afterSeq).orderBy('seq').limit(limit).execute(),
  );
  const receipts: ReceiptRow[] = [];
  for (let from = 0; from < first.length; from += USERS_AT_ONCE) {
    const seqs = first.slice(from, from + USERS_AT_ONCE).map(({ seq }) => seq);
    receipts.push(...(await context.inTime(() => readSettled(context, sweepId, seqs))));
  }
  return { users: Number(users), receipts: receipts.map(toReceipt) };
}

async function readSettled({ db }: SweepContext, sweepId: string, seqs: readonly number[]): Promise<ReceiptRow[]> {
  const { rows } = await sql<ReceiptRow>`
    select * from receipts where ${ofSweep(sweepId)} and seq in (${sql.join(seqs)}) and phase = 'settled'`.execute(db);
  return inReadingOrder(rows);
}
