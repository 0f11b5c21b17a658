import { sql } from 'kysely';
import type { RawBuilder, SqlBool } from 'kysely';
import { rankOf } from '../../policy/worst-outcome';
import { requireHashes, storable, storableOrNull } from '../values';
import { keyOf, numberOf, openedOrRefused, openerValues, orRefused } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepFencedError } from './sweep-errors';
import { MOST_USERS_IN_A_BULK_CALL } from './sweep-types';
import type { BulkUser, OpenBulk, OpenedForBulk, RecordBulk } from './sweep-types';
import { requireAtMost } from './waves';

/** See `SweepLedger.readyForBulk`. */
export async function readyForBulk(context: SweepContext, sweepId: string): Promise<Record<string, number>> {
  const rows = await context.db
    .selectFrom('bulk_queue')
    .select(['app', (eb) => eb.fn.countAll<number | string>().as('users')])
    .where('sweep', '=', await numberOf(context, sweepId))
    .groupBy('app')
    .orderBy('app')
    .execute();
  return Object.fromEntries(rows.map(({ app, users }) => [app, Number(users)]));
}

/** See `SweepLedger.openBulk`. */
export async function openBulk(context: SweepContext, bulk: OpenBulk): Promise<BulkUser[]> {
  requireAtMost('limit', bulk.limit, MOST_USERS_IN_A_BULK_CALL);
  const key = await keyOf(context, bulk.sweepId);
  const sweep = await numberOf(context, bulk.sweepId);
  const opening = context.store.openBulk(context.db, {
    sweep,
    sweep_id: storable(bulk.sweepId),
    chunk_id: storable(bulk.chunkId),
    fence: bulk.fence,
    wave: bulk.wave,
    app: storable(bulk.app),
    step: storable(bulk.step),
    most: bulk.limit,
    at: new Date().toISOString(),
    ...openerValues(bulk),
  });
  const rows = await openedOrRefused(context, opening, bulk);
  return rows
    .sort((a, b) => a.seq - b.seq)
    .map(({ seq, ids, subjects, unsettled }) => ({
      seq,
      user: key.decryptUser(seq, ids),
      subjects: JSON.parse(subjects) as string[],
      unsettled: unsettled === 1,
    }));
}

/** See `SweepLedger.recordBulk`. */
export async function recordBulk(context: SweepContext, bulk: RecordBulk): Promise<void> {
  requireAtMost('users', bulk.users.length, MOST_USERS_IN_A_BULK_CALL);
  requireHashes(
    'users.subject',
    bulk.users.map(({ subject }) => subject),
  );
  const sweep = await numberOf(context, bulk.sweepId);
  const call = [bulk.step, bulk.task, bulk.service, bulk.environment].map(storable);
  const found = [bulk.outcome, bulk.failureType ?? null, bulk.status ?? null, storableOrNull(bulk.code)];
  const proof = [storableOrNull(bulk.requestId), storableOrNull(bulk.token)];
  const writing = context.store.run(context.db, 'bulk_outcomes', {
    sweep,
    sweep_id: storable(bulk.sweepId),
    chunk_id: storable(bulk.chunkId),
    fence: bulk.fence,
    app: storable(bulk.app),
    receipt: JSON.stringify([...call, storableOrNull(bulk.keySlot), ...found, ...proof, storableOrNull(bulk.reason)]),
    users: JSON.stringify(bulk.users.map(({ seq, subject }) => [seq, subject])),
    worst: rankOf(bulk.outcome),
    at: new Date().toISOString(),
  });
  await orRefused(writing, () => new SweepFencedError(bulk.chunkId));
}

/** See `SweepLedger.handBackBulk`. */
export async function handBackBulk(context: SweepContext, bulk: OpenedForBulk): Promise<void> {
  const theirs = await stillOpened(context, bulk);
  await sql`update bulk_queue set fence = null, wave = null, intent_at = null where unsettled = 0 and ${theirs}`.execute(
    context.db,
  );
}

/** See `SweepLedger.notePerhapsSent`. */
export async function notePossiblySent(context: SweepContext, bulk: OpenedForBulk): Promise<void> {
  const theirs = await stillOpened(context, bulk);
  await sql`update bulk_queue set unsettled = 1 where ${theirs}`.execute(context.db);
}

/** Returns the condition for the rows that still have the caller's fence. */
async function stillOpened(context: SweepContext, bulk: OpenedForBulk): Promise<RawBuilder<SqlBool>> {
  requireAtMost('seqs', bulk.seqs.length, MOST_USERS_IN_A_BULK_CALL);
  const seqs = context.store.integersOf(bulk.seqs);
  const sweep = await numberOf(context, bulk.sweepId);
  return sql`sweep = ${sweep} and app = ${storable(bulk.app)} and fence = ${bulk.fence} and seq in ${seqs}`;
}
