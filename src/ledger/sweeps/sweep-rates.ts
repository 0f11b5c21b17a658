import { sql } from 'kysely';
import type { LedgerDatabase } from '../store';
import { storable } from '../values';
import { SWEEP_RATE_COUNTS_MS } from './rate-ledger';
import type { RateKey, SweepRate } from './rate-ledger';

/*
 * Sweeps' own rates. A row applies until a time by the database's clock, which the processes that make the sweep's
 * calls extend, because a terminated or reset run cannot remove its rates. Zero marks the end of the sweep permanently.
 */

/** See `RateLedger.setSweepRate`. One statement, so that a late writer cannot give an ended sweep a rate. */
export async function setSweepRate(
  { db, store }: LedgerDatabase,
  rate: RateKey & { sweepId: string; limitPerMinute?: number },
): Promise<void> {
  const { limitPerMinute } = rate;
  requireLimit(limitPerMinute);
  const [sweepId, service, keySlot] = [storable(rate.sweepId), storable(rate.service), storable(rate.keySlot)];
  if (limitPerMinute === undefined) {
    await db
      .deleteFrom('sweep_rates')
      .where('sweep_id', '=', sweepId)
      .where('service', '=', service)
      .where('key_slot', '=', keySlot)
      .execute();
    return;
  }
  const countsUntilMs = sql<number>`${store.clockMs()} + ${sql.lit(SWEEP_RATE_COUNTS_MS)}`;
  await sql`
    insert into sweep_rates (sweep_id, service, key_slot, limit_per_minute, counts_until_ms)
    select s.sweep_id, ${service}, ${keySlot}, ${store.number(limitPerMinute)}, ${countsUntilMs}
    from sweeps as s where s.sweep_id = ${sweepId} and s.ended_at is null
    on conflict (sweep_id, service, key_slot) do update set limit_per_minute = excluded.limit_per_minute, counts_until_ms = excluded.counts_until_ms
  `.execute(db);
}

/** See `RateLedger.keepSweepRates`. */
export async function keepSweepRates({ db, store }: LedgerDatabase, sweepId: string): Promise<void> {
  await db
    .updateTable('sweep_rates')
    .set({ counts_until_ms: sql<number>`${store.clockMs()} + ${sql.lit(SWEEP_RATE_COUNTS_MS)}` })
    .where('sweep_id', '=', storable(sweepId))
    .where('counts_until_ms', '>', 0)
    .execute();
}

/** Ends the rates of an ended sweep. They stay readable for its report. */
export async function endSweepRates({ db }: Pick<LedgerDatabase, 'db'>, sweepId: string): Promise<void> {
  await db.updateTable('sweep_rates').set({ counts_until_ms: 0 }).where('sweep_id', '=', storable(sweepId)).execute();
}

/** See `RateLedger.readSweepRates`. */
export async function readSweepRates({ db }: LedgerDatabase, sweepId: string): Promise<SweepRate[]> {
  const rows = await db
    .selectFrom('sweep_rates')
    .selectAll()
    .where('sweep_id', '=', storable(sweepId))
    .orderBy('service')
    .orderBy('key_slot')
    .execute();
  return rows.map(toSweepRate);
}

/** Returns the rates that currently apply, lowest first. */
export async function readCountingRates({ db, store }: LedgerDatabase): Promise<SweepRate[]> {
  const rows = await db
    .selectFrom('sweep_rates')
    .selectAll()
    .where('counts_until_ms', '>', store.clockMs())
    .orderBy('limit_per_minute')
    .orderBy('sweep_id')
    .execute();
  return rows.map(toSweepRate);
}

/** @throws RangeError */
export function requireLimit(limitPerMinute: number | undefined): void {
  if (limitPerMinute === undefined || (Number.isFinite(limitPerMinute) && limitPerMinute > 0)) return;
  throw new RangeError(`limitPerMinute must be above 0 calls per minute, and is ${limitPerMinute}.`);
}

function toSweepRate(row: {
  sweep_id: string;
  service: string;
  key_slot: string;
  limit_per_minute: number;
}): SweepRate {
  return { sweepId: row.sweep_id, service: row.service, keySlot: row.key_slot, limitPerMinute: row.limit_per_minute };
}
