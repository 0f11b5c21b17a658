import type { Transaction } from 'kysely';
import { canonicalJson } from '../../policy/canonical-json';
import type { Tables } from '../tables';

/** Queues a leaf, the first of the log, that says what was there before; none for a ledger without any of it. */
export async function queueStart(transaction: Transaction<Tables>): Promise<void> {
  const { size } = await transaction.selectFrom('log_state').select('size').executeTakeFirstOrThrow();
  if (Number(size) > 0) return;
  const last = async (table: 'receipts' | 'hold_log' | 'compensation_log'): Promise<number> => {
    const row = await transaction.selectFrom(table).select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
    return Number(row?.id ?? 0);
  };
  const sweeps = await transaction
    .selectFrom('sweeps')
    .select(['sweep_id', 'merkle_root', 'approved_at'])
    .where((eb) => eb.or([eb('merkle_root', 'is not', null), eb('approved_at', 'is not', null)]))
    .orderBy('number')
    .execute();
  const holds = await transaction.selectFrom('holds').select('hold_id').distinct().orderBy('hold_id').execute();
  const stops = await transaction.selectFrom('stops').select('number').orderBy('number', 'desc').limit(1).execute();
  const content = {
    v: 1,
    kind: 'start',
    receipts: await last('receipts'),
    compensations: await last('compensation_log'),
    holdLog: await last('hold_log'),
    holds: holds.map(({ hold_id: holdId }) => holdId),
    stops: stops[0]?.number ?? 0,
    // The root of each sealed sweep; null for one that is only approved.
    sweeps: sweeps.map(({ sweep_id: sweepId, merkle_root: root }) => [sweepId, root]),
  };
  const isEmpty = content.receipts + content.compensations + content.holdLog + content.stops === 0;
  if (isEmpty && holds.length + sweeps.length === 0) return;
  const at = new Date().toISOString();
  await transaction.updateTable('log_state').set({ parts_id: content.receipts }).execute();
  await transaction
    .insertInto('log_queue')
    .values({ kind: 'start', ref: '', content: canonicalJson({ ...content, at }) })
    .execute();
}
