import { sql } from 'kysely';
import type { Outcome } from '../../policy/outcome';
import { rankOf } from '../../policy/outcome';
import { toReceipt } from '../receipts';
import type { ReceiptRow } from '../receipts';
import type { UsersWithOutcome } from './summary-types';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { inReadingOrder, ofSweep } from './sweep-receipts';

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
