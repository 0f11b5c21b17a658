import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { ExpressionBuilder } from 'kysely';
import { rankOf } from '../../policy/worst-outcome';
import type { Tables } from '../tables';
import { storable } from '../values';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepConflictError, UnknownSweepError } from './sweep-errors';

/** Rows deleted in one statement. */
const SLICE = 5_000;

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
        // Row by row over the key: a list of seqs would be joined in the worst way when the database has no statistics yet.
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
  await context.inTime(() => overwriteLog(context));
  return purged;
}

/** See `SweepLedger.release`. */
export async function release(context: SweepContext, sweepId: string): Promise<void> {
  const sweep = await context.inTime(() => numberOf(context, sweepId));
  await context.inTime(() => destroyKey(context, sweep));
  const total = await context.inTime(() => totalOf(context, sweepId));
  // Unreadable by now; deleted so that they take no room.
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
}

/** See `SweepLedger.releaseUntouchedSince`. A workflow that was terminated writes no end, so that ends alone do not count. */
export async function releaseUntouchedSince(context: SweepContext, time: string): Promise<string[]> {
  const since = new Date(time).toISOString();
  const untouched = await context.inTime(() =>
    context.db
      .selectFrom('sweeps')
      .select('sweep_id')
      .where('wrapped_key', 'is not', null)
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

/** Users of a sweep of whom somebody has recorded an intent since then. */
function openedSince(eb: ExpressionBuilder<Tables, 'sweeps'>, table: 'targets' | 'bulk_queue', since: string) {
  const opened = eb.selectFrom(table).select(`${table}.seq`).whereRef(`${table}.sweep`, '=', 'sweeps.number');
  return opened.where(`${table}.intent_at`, '>=', since);
}

/** Destroys both keys of a sweep: the one in use, and one that was to replace it. */
async function destroyKey(context: SweepContext, sweep: number): Promise<void> {
  await context.db
    .updateTable('sweeps')
    .set({ wrapped_key: null, next_wrapped_key: null })
    .where('number', '=', sweep)
    .execute();
  await overwriteLog(context);
}

/** How often, and after how long, libSQL's log is tried again while another process reads it. */
const LOG_TRIES = 20;
const LOG_RETRY_MS = 50;

/**
 * Empties libSQL's log, which contains older versions of pages; in the pages themselves what is deleted is overwritten
 * (`secure_delete`, see libsql-thread.js). While another process reads all the time, the log stays until a later call.
 * Postgres keeps old rows until its own clean-up, and its log as long as it is configured: see docs/deployment.md.
 */
export async function overwriteLog({ db, dialect }: SweepContext): Promise<void> {
  if (dialect === 'postgres') return;
  for (let tries = 1; tries <= LOG_TRIES; tries += 1) {
    const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(db);
    if (rows[0]?.busy !== 1) return;
    await delay(LOG_RETRY_MS);
  }
}

/** They were needed to find duplicates while the snapshot was taken. */
async function deleteKeys(context: SweepContext, sweep: number): Promise<void> {
  let next: string | undefined;
  do {
    next = await context.inTime(() => keyAhead(context, sweep));
    const all = context.db.deleteFrom('target_keys').where('sweep', '=', sweep);
    const slice = next === undefined ? all : all.where('key', '<', next);
    await context.inTime(() => slice.execute());
  } while (next !== undefined);
}

/** The first key after a slice; undefined when there is no more than a slice left. */
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
    `sweepId: sweep ${sweepId} has not ended, so its ids are still needed. Cancel it first.`,
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
