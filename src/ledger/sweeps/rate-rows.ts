import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { LedgerDatabase } from '../store';

/**
 * Duration of a turn, during which only one process may change a rate, in milliseconds by the database's clock. Enough
 * for a read and a write over a connection with a round trip of a quarter of a second; a process that freezes during
 * its turn blocks the others no longer than this.
 */
const TURN_MS = 500;

/** Identifies a row. */
export interface RateRowKey {
  service: string;
  keySlot: string;
}

/** A row as read; if it does not exist, all fields except the time are null. */
export interface FoundRow {
  version: number | null;
  set_limit: number | null;
  state: string | null;
  /** The lowest rate of the running sweeps. */
  sweep_limit: number | null;
  now_ms: number;
}

/** What to write over the version that was read. */
export interface RowChange {
  version: number | null;
  written: { set_limit: number | null; state: string };
  /** The writer's turn, if it has one. */
  turn: string | undefined;
}

export async function readRateRow({ db, store }: LedgerDatabase, { service, keySlot }: RateRowKey): Promise<FoundRow> {
  const { rows } = await sql<FoundRow>`
    select r.version, r.set_limit, r.state, ${store.clockMs()} as now_ms, (
      select min(s.limit_per_minute) from sweep_rates as s
      where s.service = ${service} and s.key_slot = ${keySlot} and s.counts_until_ms > ${store.clockMs()}
    ) as sweep_limit
    from (select 1 as one) as always left join rates as r on r.service = ${service} and r.key_slot = ${keySlot}
  `.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('A left join returned no row.');
  return row;
}

/**
 * Writes the row. Returns false, and writes nothing, if another process has a turn or has written since the row was
 * read.
 */
export async function writeRateRow(
  { db, store }: LedgerDatabase,
  key: RateRowKey,
  change: RowChange,
): Promise<boolean> {
  const { service, keySlot } = key;
  const { version, written, turn } = change;
  if (version === null) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('rates')
      .values({ service, key_slot: keySlot, version: 1, ...written })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    return numInsertedOrUpdatedRows === 1n;
  }
  const { numUpdatedRows } = await db
    .updateTable('rates')
    .set({ version: version + 1, ...written, turn: null, turn_until_ms: null })
    .where('service', '=', service)
    .where('key_slot', '=', keySlot)
    .where('version', '=', version)
    .where(isFreeFor(turn, store))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Prevents all other processes from changing the row for a short time. Returns false if another process has a turn. It
 * reads nothing first, so a slow connection to the database is not a disadvantage.
 */
export async function claimTurn(
  { db, store }: LedgerDatabase,
  { service, keySlot }: RateRowKey,
  turn: string,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('rates')
    .set({ turn, turn_until_ms: sql<number>`${store.clockMs()} + ${sql.lit(TURN_MS)}` })
    .where('service', '=', service)
    .where('key_slot', '=', keySlot)
    .where(isFreeFor(turn, store))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Returns the condition that the row may be changed. A turn that ends later than possible dates from before the
 * database's clock was set back.
 */
function isFreeFor(turn: string | undefined, store: LedgerDatabase['store']): RawBuilder<boolean> {
  const now = store.clockMs();
  const over = sql<boolean>`turn is null or turn_until_ms <= ${now} or turn_until_ms > ${now} + ${sql.lit(TURN_MS)}`;
  return turn === undefined ? sql`(${over})` : sql`(${over} or turn = ${turn})`;
}
