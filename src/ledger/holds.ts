import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { Hold } from './ledger';
import { HOLD_LOCK } from './postgres-locks';
import type { LedgerDatabase, LedgerDialect, Tables } from './tables';
import { requireHashes, rowsOf, storable, storableOrNull, valuesOf } from './values';

/**
 * See `Ledger.addHold`. Once it has returned, no intent for its subjects is recorded any more: libSQL runs one write
 * at a time, and in Postgres the lock makes it wait for the intents under way (see migrations/0002-holds.ts).
 */
export async function addHold(
  { db, dialect }: LedgerDatabase,
  hold: { holdId: string; subjects: readonly string[]; reason?: string },
): Promise<void> {
  requireHashes('subjects', hold.subjects);
  if (hold.subjects.length === 0) throw new TypeError('A hold needs at least one subject; otherwise it holds nobody.');
  const subjects = [...new Set(hold.subjects)];
  await db.transaction().execute(async (transaction) => {
    if (dialect === 'postgres') await HOLD_LOCK.take(transaction);
    const holdId = storable(hold.holdId);
    const now = new Date().toISOString();
    const at = dialect === 'postgres' ? sql`cast(${now} as timestamptz)` : sql`${now}`;
    await sql`
      insert into holds (hold_id, subject, reason, at)
      select cast(${holdId} as text), list.value, ${storableOrNull(hold.reason)}, ${at}
      from ${rowsOf(dialect, subjects)} as list
      where not exists (select 1 from holds where hold_id = ${holdId})
      on conflict do nothing`.execute(transaction);
  });
}

/** See `Ledger.isHeld`. */
export async function isHeld({ db, dialect }: LedgerDatabase, subjects: readonly string[]): Promise<boolean> {
  requireHashes('subjects', subjects);
  const row = await db
    .selectFrom('holds')
    .select('hold_id')
    .where('subject', 'in', valuesOf(dialect, subjects))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** See `Ledger.listHolds`. */
export async function listHolds({ db }: LedgerDatabase): Promise<Hold[]> {
  const rows = await db.selectFrom('holds').selectAll().orderBy('at').orderBy('hold_id').orderBy('subject').execute();
  const holds = new Map<string, Hold & { subjects: string[] }>();
  for (const row of rows) {
    const known = holds.get(row.hold_id);
    if (known !== undefined) {
      known.subjects.push(row.subject);
      continue;
    }
    holds.set(row.hold_id, {
      holdId: row.hold_id,
      subjects: [row.subject],
      ...(row.reason !== null && { reason: row.reason }),
      at: new Date(row.at).toISOString(),
    });
  }
  return [...holds.values()];
}

/** See `Ledger.removeHolds`. */
export async function removeHolds(
  { db, dialect }: LedgerDatabase,
  which: { holdId: string } | { subjects: readonly string[] },
): Promise<number> {
  if ('subjects' in which) requireHashes('subjects', which.subjects);
  return db.transaction().execute(async (transaction) => {
    const holdIds = 'holdId' in which ? [storable(which.holdId)] : await naming(transaction, dialect, which.subjects);
    const { count } = await transaction
      .selectFrom('holds')
      .select((eb) => eb.fn.count<number | string>('hold_id').distinct().as('count'))
      .where('hold_id', 'in', valuesOf(dialect, holdIds))
      .executeTakeFirstOrThrow();
    await transaction.deleteFrom('holds').where('hold_id', 'in', valuesOf(dialect, holdIds)).execute();
    return Number(count);
  });
}

async function naming(
  transaction: Transaction<Tables>,
  dialect: LedgerDialect,
  subjects: readonly string[],
): Promise<string[]> {
  const rows = await transaction
    .selectFrom('holds')
    .select('hold_id')
    .distinct()
    .where('subject', 'in', valuesOf(dialect, subjects))
    .execute();
  return rows.map((row) => row.hold_id);
}
