import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import { enqueue } from '../log/queue';
import { whilePurging } from '../log/purging';
import type { Tables } from '../tables';
import { USERS_OF_PURGE, readKept } from './kept-leaves';
import { notAsSealed, requireSeal } from './seal';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepConflictError } from './sweep-errors';
import { verify } from './verify';

/** See `SweepLedger.listPurgeable`. Those whose purge was interrupted come first. */
export async function listPurgeable({ db }: SweepContext, { before }: { before: string }): Promise<string[]> {
  const rows = await db
    .selectFrom('sweeps')
    .select('sweep_id')
    .where('head', 'is not', null)
    .where('ended_at', '<', new Date(before).toISOString())
    .where((eb) =>
      eb.or([
        eb('purged_at', 'is', null),
        eb.exists(
          eb.selectFrom('sealed_leaves').select('seq').whereRef('sealed_leaves.sweep', '=', 'sweeps.number').limit(1),
        ),
        eb.exists(
          eb
            .selectFrom('sealed_hashes')
            .select('last_seq')
            .whereRef('sealed_hashes.sweep', '=', 'sweeps.number')
            .limit(1),
        ),
      ]),
    )
    .orderBy((eb) => eb.case().when('purged_at', 'is', null).then(1).else(0).end())
    .orderBy('number')
    .execute();
  return rows.map(({ sweep_id: sweepId }) => sweepId);
}

/** See `SweepLedger.purgeReceipts`. */
export async function purgeReceipts(
  context: SweepContext,
  { sweepId, before, onProgress }: { sweepId: string; before: string; onProgress?: (users: number) => void },
): Promise<void> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  await context.inTime(() => requireSeal(context, sweepId));
  const row = await context.inTime(() =>
    context.db
      .selectFrom('sweeps')
      .select(['total', 'ended_at', 'purged_at', 'head', 'sweep_id'])
      .where('number', '=', sweep)
      .executeTakeFirstOrThrow(),
  );
  if (row.head === null || row.ended_at === null || new Date(row.ended_at).getTime() >= Date.parse(before))
    throw new SweepConflictError(`sweepId: sweep ${sweepId} ended later than ${before}, or has no head.`);
  if (row.purged_at === null) {
    // Whatever was changed must not be covered up by the purge.
    if (!(await verify(context, { sweepId })).ok) throw notAsSealed(sweepId);
    await context.inTime(() => announce(context, { sweep, sweepId: row.sweep_id, before }));
  }
  for (let from = 0; from < row.total; from += USERS_OF_PURGE) {
    const to = from + USERS_OF_PURGE;
    await context.inTime(() => purgeUsers(context, { sweep, sweepId: row.sweep_id, from, to }));
    onProgress?.(Math.min(row.total, to));
  }
  await context.inTime(() => context.store.eraseOldVersions(context.db));
}

/** The log says that a sweep is purged before the first of its receipts is deleted. */
async function announce(
  { db }: SweepContext,
  { sweep, sweepId, before }: { sweep: number; sweepId: string; before: string },
): Promise<void> {
  const at = new Date().toISOString();
  await db.transaction().execute(async (transaction) => {
    // Fails for a user who may not delete receipts.
    await whilePurging(transaction, async () => {
      await sql`delete from receipts where 1 = 0`.execute(transaction);
    });
    const { numUpdatedRows } = await transaction
      .updateTable('sweeps')
      .set({ purged_at: at })
      .where('number', '=', sweep)
      .where('purged_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows > 0n)
      await enqueue(transaction, { kind: 'purge', ref: '', content: { sweeps: [sweepId], before, at } });
  });
}

interface UserRange {
  sweep: number;
  sweepId: string;
  from: number;
  to: number;
}

async function purgeUsers({ db }: SweepContext, { sweep, sweepId, from, to }: UserRange): Promise<void> {
  await db.transaction().execute((transaction) =>
    whilePurging(transaction, async () => {
      await keepHashes(transaction, { sweep, sweepId, from, to });
      await sql`
        delete from receipts where workflow_id = ${sweepId} and run_id = '' and activity_id = ''
          and seq >= ${from} and seq < ${to}`.execute(transaction);
      for (const table of ['sealed_leaves', 'targets', 'target_ids', 'target_progress', 'bulk_queue'] as const)
        await transaction
          .deleteFrom(table)
          .where('sweep', '=', sweep)
          .where('seq', '>=', from)
          .where('seq', '<', to)
          .execute();
      await transaction
        .deleteFrom('sealed_hashes')
        .where('sweep', '=', sweep)
        .where('last_seq', '>=', from)
        .where('last_seq', '<', to)
        .execute();
      await transaction
        .deleteFrom('target_references')
        .where('sweep', '=', sweep)
        .where('first', '>=', from)
        .where('first', '<', to)
        .execute();
    }),
  );
}

async function keepHashes(transaction: Transaction<Tables>, { sweep, from, to }: UserRange): Promise<void> {
  const leaves = await readKept({ db: transaction }, sweep, { after: from - 1, upTo: to - 1 });
  if (leaves.length === 0) return;
  leaves.sort((a, b) => a.seq - b.seq || Buffer.compare(a.leaf, b.leaf));
  const hashes = Buffer.concat(leaves.map(({ leaf }) => leaf)).toString('base64url');
  await transaction
    .insertInto('purged_hashes')
    .values({ sweep, part: from / USERS_OF_PURGE, hashes })
    .onConflict((conflict) => conflict.columns(['sweep', 'part']).doNothing())
    .execute();
}
