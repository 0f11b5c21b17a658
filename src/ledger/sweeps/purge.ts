import { sql } from 'kysely';
import type { ExpressionBuilder, Transaction } from 'kysely';
import { rankOf } from '../../policy/outcome';
import { whilePurging } from '../log/purging';
import { enqueue } from '../log/queue';
import type { Tables } from '../tables';
import { storable } from '../values';
import { readSealedLeaves, USERS_OF_PURGE } from './sealed-leaves';
import { groupStart } from './references';
import { notAsSealed, requireSeal } from './seal';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepConflictError, UnknownSweepError } from './sweep-errors';
import { dropAllProgress } from './target-progress';
import { verify } from './verify';

/** Maximum number of rows deleted per statement. */
const SLICE = 5_000;

/** Blocks of keys deleted per statement. */
const BLOCKS = 20;

/** See `SweepLedger.purge`. */
export async function purge(
  context: SweepContext,
  { sweepId, onProgress }: { sweepId: string; onProgress?: (users: number) => void },
): Promise<number> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  const total = await context.inTime(() => requireEnded(context, sweepId));
  const kept = [rankOf('failed'), rankOf('unknown')];
  let purged = 0;
  for (let from = 0; from < total; from += SLICE) {
    const deleted = await context.inTime(() =>
      context.db
        .deleteFrom('target_ids')
        .where('sweep', '=', sweep)
        .where('seq', '>=', from)
        .where('seq', '<', from + SLICE)
        // Row by row via the key: without statistics the database would choose the worst join for a list of seqs.
        .where((eb) =>
          eb.exists(
            eb
              .selectFrom('targets')
              .select('targets.seq')
              .whereRef('targets.sweep', '=', 'target_ids.sweep')
              .whereRef('targets.seq', '=', 'target_ids.seq')
              .where('targets.state', '=', 'done')
              .where('targets.worst', 'not in', kept),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    purged += Number(deleted.numDeletedRows);
    onProgress?.(purged);
  }
  await deleteKeys(context, sweep);
  await dropAllProgress(context, sweep);
  await context.inTime(() => context.store.eraseOldVersions(context.db));
  return purged;
}

/** See `SweepLedger.release`. */
export async function release(context: SweepContext, sweepId: string): Promise<void> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  await context.inTime(() => destroyKey(context, sweep));
  const total = await context.inTime(() => totalOf(context, sweepId));
  // They are unreadable without the key; deleting them frees the space.
  for (let from = 0; from < total; from += SLICE) {
    await context.inTime(() =>
      context.db
        .deleteFrom('target_ids')
        .where('sweep', '=', sweep)
        .where('seq', '>=', from)
        .where('seq', '<', from + SLICE)
        .execute(),
    );
  }
  await deleteKeys(context, sweep);
  await dropAllProgress(context, sweep);
}

/**
 * See `SweepLedger.releaseUntouchedSince`. A terminated workflow records no end, so sweeps without an end are included, and
 * those without a key whose release was interrupted.
 */
export async function releaseUntouchedSince(context: SweepContext, time: string): Promise<string[]> {
  const since = new Date(time).toISOString();
  const untouched = await context.inTime(() =>
    context.db
      .selectFrom('sweeps')
      .select('sweep_id')
      .where((eb) =>
        eb.or([
          eb('wrapped_key', 'is not', null),
          ...(['target_ids', 'target_keys', 'target_key_blocks', 'target_key_pages', 'target_progress'] as const).map(
            (table) => hasRows(eb, table),
          ),
        ]),
      )
      .where('created_at', '<', since)
      .where((eb) => eb.or([eb('ended_at', 'is', null), eb('ended_at', '<', since)]))
      .where((eb) => eb.not(eb.exists(openedSince(eb, 'targets', since))))
      .where((eb) => eb.not(eb.exists(openedSince(eb, 'bulk_queue', since))))
      .orderBy('number')
      .execute(),
  );
  for (const { sweep_id } of untouched) await release(context, sweep_id);
  return untouched.map(({ sweep_id }) => sweep_id);
}

/** Selects users of a sweep with an intent recorded since then. */
function openedSince(eb: ExpressionBuilder<Tables, 'sweeps'>, table: 'targets' | 'bulk_queue', since: string) {
  const opened = eb.selectFrom(table).select(`${table}.seq`).whereRef(`${table}.sweep`, '=', 'sweeps.number');
  return opened.where(`${table}.intent_at`, '>=', since);
}

/** Destroys both keys of a sweep: the current one, and one that would have replaced it. */
async function destroyKey(context: SweepContext, sweep: number): Promise<void> {
  await context.db
    .updateTable('sweeps')
    .set({ wrapped_key: null, next_wrapped_key: null })
    .where('number', '=', sweep)
    .execute();
  await context.store.eraseOldVersions(context.db);
}

/** Deletes the keys that were needed to find duplicates while the snapshot was taken. */
async function deleteKeys(context: SweepContext, sweep: number): Promise<void> {
  context.knownKeys.delete(sweep);
  for (let more = true; more;) {
    more = await context.inTime(() => deleteBlocks(context, sweep));
  }
  for (let more = true; more;) {
    more = await context.inTime(() => deletePages(context, sweep));
  }
  let next: string | undefined;
  do {
    next = await context.inTime(() => keyAhead(context, sweep));
    const all = context.db.deleteFrom('target_keys').where('sweep', '=', sweep);
    const slice = next === undefined ? all : all.where('key', '<', next);
    await context.inTime(() => slice.execute());
  } while (next !== undefined);
}

/** Deletes some blocks of keys, and returns whether there were any. */
async function deleteBlocks({ db }: SweepContext, sweep: number): Promise<boolean> {
  const blocks = db.selectFrom('target_key_blocks').select('version').where('sweep', '=', sweep);
  const [last] = await blocks
    .orderBy('version')
    .offset(BLOCKS - 1)
    .limit(1)
    .execute();
  const all = db.deleteFrom('target_key_blocks').where('sweep', '=', sweep);
  const { numDeletedRows } = await (
    last === undefined ? all : all.where('version', '<=', last.version)
  ).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** Deletes some pages of keys, and returns whether there were any. */
async function deletePages({ db }: SweepContext, sweep: number): Promise<boolean> {
  const pages = db.selectFrom('target_key_pages').select('page').where('sweep', '=', sweep);
  const [last] = await pages
    .orderBy('page')
    .offset(SLICE - 1)
    .limit(1)
    .execute();
  const all = db.deleteFrom('target_key_pages').where('sweep', '=', sweep);
  const { numDeletedRows } = await (
    last === undefined ? all : all.where('page', '<=', last.page)
  ).executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** Returns the first key after a slice, or undefined if at most one slice is left. */
async function keyAhead({ db }: SweepContext, sweep: number): Promise<string | undefined> {
  const row = await db
    .selectFrom('target_keys')
    .select('key')
    .where('sweep', '=', sweep)
    .orderBy('key')
    .offset(SLICE)
    .limit(1)
    .executeTakeFirst();
  return row?.key;
}

async function requireEnded({ db }: SweepContext, sweepId: string): Promise<number> {
  const row = await db
    .selectFrom('sweeps')
    .select(['total', 'ended_at', 'closed_at'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  if (row.ended_at !== null || row.closed_at !== null) return row.total;
  throw new SweepConflictError(
    `sweepId: sweep ${sweepId} has not ended, so its IDs are still needed. Cancel it first.`,
  );
}

async function totalOf({ db }: SweepContext, sweepId: string): Promise<number> {
  const row = await db
    .selectFrom('sweeps')
    .select('total')
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  return row?.total ?? 0;
}

type RowsOfSweep =
  | 'targets'
  | 'target_ids'
  | 'target_keys'
  | 'target_key_blocks'
  | 'target_key_pages'
  | 'target_progress'
  | 'sealed_leaves'
  | 'sealed_hashes';

/** Selects sweeps of which a table has a row. */
function hasRows(eb: ExpressionBuilder<Tables, 'sweeps'>, table: RowsOfSweep) {
  const rows = eb.selectFrom(table).select(`${table}.sweep`);
  return eb.exists(rows.whereRef(`${table}.sweep`, '=', 'sweeps.number').limit(1));
}

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
        ...(['targets', 'sealed_leaves', 'sealed_hashes'] as const).map((table) => hasRows(eb, table)),
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
    await context.inTime(() => purgeUsers(context, { sweep, sweepId: row.sweep_id, from, to, total: row.total }));
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

async function purgeUsers({ db }: SweepContext, users: UserRange & { total: number }): Promise<void> {
  const { sweep, sweepId, from, to, total } = users;
  const rows: [keyof Tables, string, from: number, to: number][] = [
    ['sealed_leaves', 'seq', from, to],
    ['sealed_hashes', 'last_seq', from, to],
    ['targets', 'seq', from, to],
    ['target_ids', 'seq', from, to],
    ['target_progress', 'seq', from, to],
    ['bulk_queue', 'seq', from, to],
    // A group with users after this range is deleted with the last of them.
    ['target_references', 'first', groupStart(from), to < total ? groupStart(to) : to],
  ];
  await db.transaction().execute((transaction) =>
    whilePurging(transaction, async () => {
      await keepHashes(transaction, users);
      await sql`
        delete from receipts where workflow_id = ${sweepId} and run_id = '' and activity_id = ''
          and seq >= ${from} and seq < ${to}`.execute(transaction);
      for (const [table, number, first, end] of rows)
        await sql`
          delete from ${sql.table(table)}
          where sweep = ${sweep} and ${sql.ref(number)} >= ${first} and ${sql.ref(number)} < ${end}`.execute(
          transaction,
        );
    }),
  );
}

async function keepHashes(transaction: Transaction<Tables>, { sweep, from, to }: UserRange): Promise<void> {
  const leaves = await readSealedLeaves({ db: transaction }, sweep, { after: from - 1, upTo: to - 1 });
  if (leaves.length === 0) return;
  leaves.sort((a, b) => a.seq - b.seq || Buffer.compare(a.leaf, b.leaf));
  const hashes = Buffer.concat(leaves.map(({ leaf }) => leaf)).toString('base64url');
  await transaction
    .insertInto('purged_hashes')
    .values({ sweep, part: from / USERS_OF_PURGE, hashes })
    .onConflict((conflict) => conflict.columns(['sweep', 'part']).doNothing())
    .execute();
}
