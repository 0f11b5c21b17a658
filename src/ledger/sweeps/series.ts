import { sql } from 'kysely';
import { storable } from '../values';
import type { SweepContext } from './sweep-context';
import { UnknownSweepError } from './sweep-errors';

/** A sweep that a Schedule started. */
export interface ScheduledSweep {
  sweepId: string;
  /**
   * Identical for all runs that can replace each other: those of one schedule, with the same query and the same steps.
   */
  series: string;
  /** ISO 8601: the nominal time of the run. */
  scheduledAt: string;
}

/** Maximum lag of a worker's clock behind the server's, which sets the nominal time, in milliseconds. */
const MAX_CLOCK_LAG_MS = 300_000;

/**
 * See `SweepLedger.joinSeries`. The first result is kept, so that a query returns the same rows when its reading resumes.
 */
export async function joinSeries(
  { db, store }: SweepContext,
  { sweepId, series, scheduledAt }: ScheduledSweep,
): Promise<string | undefined> {
  const at = store.instant(scheduledAt);
  const before = sql<string | null>`(select max(earlier.scheduled_at) from sweeps as earlier
    where earlier.series = ${storable(series)} and earlier.series_done = 1 and earlier.scheduled_at < ${at})`;
  await db
    .updateTable('sweeps')
    .set({ series: storable(series), scheduled_at: at, previous_at: before })
    .where('sweep_id', '=', storable(sweepId))
    .where('series', 'is', null)
    .execute();
  const row = await db
    .selectFrom('sweeps')
    .select('previous_at')
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  return row.previous_at === null ? undefined : new Date(row.previous_at).toISOString();
}

/**
 * See `SweepLedger.finishInSeries`. A run before its nominal time, as in a backfill of the future, has not seen all
 * users up to that time.
 */
export async function finishInSeries({ db }: SweepContext, sweepId: string): Promise<void> {
  const row = await db
    .selectFrom('sweeps')
    .select(['scheduled_at', 'created_at'])
    .where('sweep_id', '=', storable(sweepId))
    .executeTakeFirst();
  if (row === undefined) throw new UnknownSweepError(sweepId);
  if (
    row.scheduled_at === null ||
    new Date(row.scheduled_at).getTime() > new Date(row.created_at).getTime() + MAX_CLOCK_LAG_MS
  )
    return;
  await db.updateTable('sweeps').set({ series_done: 1 }).where('sweep_id', '=', storable(sweepId)).execute();
}
