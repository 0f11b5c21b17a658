import type { Transaction } from 'kysely';
import type { Tables } from '../tables';

/** The row of `ledger_meta` that lets a transaction delete receipts; no other transaction sees it. */
const PURGING = 'purging';

/** Runs deletions of receipts in a transaction. Other transactions may only add to the tables of receipts. */
export async function whilePurging(transaction: Transaction<Tables>, work: () => Promise<void>): Promise<void> {
  await transaction.insertInto('ledger_meta').values({ name: PURGING, value: '1' }).execute();
  await work();
  await transaction.deleteFrom('ledger_meta').where('name', '=', PURGING).execute();
}
