import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import type { Stop } from './ledger';
import type { LedgerDatabase } from './store';
import type { Tables } from './tables';
import { requireHashes, storable } from './values';

/**
 * See `Ledger.stop`. As when setting a hold, the lock waits for intents in progress in Postgres; libSQL runs one write
 * at a time.
 */
export async function stop(
  { db, store }: LedgerDatabase,
  { reason, by }: { reason: string; by: string },
): Promise<Stop> {
  return db.transaction().execute(async (transaction) => {
    await store.lock(transaction, 'holds');
    const inForce = () => transaction.selectFrom('stops').selectAll().where('lifted_at', 'is', null).executeTakeFirst();
    const earlier = await inForce();
    if (earlier) return toStop(earlier);
    await transaction
      .insertInto('stops')
      .values({ reason: storable(reason), set_by: storable(by), at: new Date().toISOString() })
      .execute();
    const row = await inForce();
    if (!row) throw new Error('The stop that was just written is not in force.');
    return toStop(row);
  });
}

/** See `Ledger.start`. */
export async function start({ db }: LedgerDatabase, { by }: { by: string }): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('stops')
    .set({ lifted_by: storable(by), lifted_at: new Date().toISOString() })
    .where('lifted_at', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}

/** See `Ledger.listStops`. */
export async function listStops({ db }: LedgerDatabase): Promise<Stop[]> {
  const rows = await db.selectFrom('stops').selectAll().orderBy('number', 'desc').execute();
  return rows.map(toStop);
}

/** See `Ledger.forbids`. */
export async function forbids(
  { db, store }: LedgerDatabase,
  subjects: readonly string[],
): Promise<'held' | 'stopped' | undefined> {
  requireHashes('subjects', subjects);
  const { rows } = await sql<{ what: 'held' | 'stopped' | null }>`
    select case
      when exists (select 1 from holds where ${store.isOneOf('subject', subjects)}) then 'held'
      when exists (select 1 from stops where lifted_at is null) then 'stopped'
    end as what`.execute(db);
  return rows[0]?.what ?? undefined;
}

function toStop(row: Selectable<Tables['stops']>): Stop {
  return {
    reason: row.reason,
    by: row.set_by,
    at: new Date(row.at).toISOString(),
    ...(row.lifted_by !== null && { liftedBy: row.lifted_by }),
    ...(row.lifted_at !== null && { liftedAt: new Date(row.lifted_at).toISOString() }),
  };
}
