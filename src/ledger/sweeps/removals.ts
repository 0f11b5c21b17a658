import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import type { Outcome } from '../../policy/outcome';
import { storable } from '../values';
import type { SweepContext } from './sweep-context';
import type { Removal } from './sweep-types';

interface UsersOfSweep {
  sweepId: string;
  seqs: readonly number[];
}

interface RemovalRow {
  seq: number;
  step: string;
  task: string;
  request_id: string | null;
  items: string | null;
}

/** See `SweepLedger.readRemovals`. */
export async function readRemovals(context: SweepContext, of: UsersOfSweep): Promise<Map<number, Removal[]>> {
  const from = receiptsSaying(context, of, ['removed']);
  const { rows } =
    await sql<RemovalRow>`select r.seq, r.step, r.task, r.request_id, r.items from ${from} order by r.id`.execute(
      context.db,
    );
  const found = new Map<number, Removal[]>();
  for (const { seq, step, task, request_id: requestId, items } of rows) {
    const removal = {
      step,
      task,
      ...(requestId !== null && { requestId }),
      items: items === null ? [] : (JSON.parse(items) as string[]),
    };
    const before = found.get(seq);
    if (before) before.push(removal);
    else found.set(seq, [removal]);
  }
  return found;
}

/** See `SweepLedger.readPartlyDone`. */
export async function readPartlyDone(context: SweepContext, of: UsersOfSweep): Promise<Set<number>> {
  const from = receiptsSaying(context, of, ['removed', 'alreadyGone', 'accepted']);
  const { rows } = await sql<{ seq: number }>`select distinct r.seq from ${from}`.execute(context.db);
  return new Set(rows.map(({ seq }) => seq));
}

/**
 * Selects receipts with these outcomes, reaching each user through the index `receipts_key` even without statistics.
 */
function receiptsSaying(
  { store }: SweepContext,
  { sweepId, seqs }: UsersOfSweep,
  outcomes: readonly Outcome[],
): RawBuilder<unknown> {
  const ofUser = sql<SqlBool>`r.workflow_id = ${storable(sweepId)} and r.run_id = '' and r.activity_id = ''
    and r.seq = cast(list.value as integer) and r.phase in ('outcome', 'settled') and r.outcome in (${sql.join(outcomes)})`;
  return store.receiptsOfEach(seqs, ofUser);
}
