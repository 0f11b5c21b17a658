import type { ExpressionBuilder } from 'kysely';
import { rankOf } from '../../policy/outcome';
import type { Tables } from '../tables';
import { storable } from '../values';
import { numberOf } from './sweep-context';
import type { SweepContext } from './sweep-context';
import { SweepConflictError, UnknownSweepError } from './sweep-errors';
import { dropAllProgress } from './target-progress';

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
 * See `SweepLedger.releaseUntouchedSince`. A terminated workflow records no end, so sweeps without an end are included.
 */
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
