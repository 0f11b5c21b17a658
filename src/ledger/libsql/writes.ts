import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Kysely } from 'kysely';
import type { OpenedRow, StoredWrites, WriteValues } from '../store';
import type { Tables } from '../tables';
import { recordIntent } from './intent';

/**
 * Maximum number of attempts to truncate the log of the database while another process reads it, and the delay between
 * them in milliseconds.
 */
const LOG_TRIES = 20;
const LOG_RETRY_MS = 50;

/**
 * The stored writes as inserts into views; see `migrations/*.sql`. What they opened is read afterwards, so that
 * everything returned has been recorded: RETURNING cannot be used (see thread.js).
 */
export const libsqlWrites: StoredWrites = {
  recordIntent,
  run: (db, write, values) => insert(db, `write_${write}`, values),
  async openWave(db, values) {
    const { sweep, fence, wave, first, last, day } = values;
    await insert(db, day === undefined ? 'write_sweep_wave' : 'write_policy_wave', values);
    const { rows } = await sql<OpenedRow>`
    select t.seq, t.round, t.unsettled, i.ids, i.subjects
    from targets as t join target_ids as i on i.sweep = t.sweep and i.seq = t.seq
    where t.sweep = ${sweep} and t.seq between ${first} and ${last} and t.state = 'open'
      and t.fence = ${fence} and t.wave = ${wave}`.execute(db);
    return rows;
  },
  async openBulk(db, values) {
    const { sweep, fence, wave, app } = values;
    await insert(db, 'write_bulk_wave', values);
    const { rows } = await sql<Omit<OpenedRow, 'round'>>`
    select q.seq, i.ids, i.subjects, q.unsettled
    from bulk_queue as q join target_ids as i on i.sweep = q.sweep and i.seq = q.seq
    where q.sweep = ${sweep} and q.app = ${app} and q.fence = ${fence} and q.wave = ${wave}`.execute(db);
    return rows;
  },
  async takeFence(db, { sweep, chunkId, takenBy }) {
    await insert(db, 'write_sweep_fence', { sweep, chunk_id: chunkId, taken_by: takenBy });
    const mine = await db
      .selectFrom('sweep_chunks')
      .select('fence')
      .where('sweep', '=', sweep)
      .where('chunk_id', '=', chunkId)
      .where('taken_by', '=', takenBy)
      .executeTakeFirst();
    return mine?.fence;
  },
  async keepLeaves(db, sweep, leaves) {
    await sql`insert into sealed_leaves (sweep, seq, receipt, step, leaf)
          select ${sweep}, r.value->>0, r.value->>1, r.value->>2, r.value->>3
          from json_each(${JSON.stringify(leaves)}) as r where true on conflict do nothing`.execute(db);
  },
  // An INSERT whose rows all exist: see write_sweep_outcomes in migrations/0004-sweep-writes.sql.
  async replaceIds(db, sweep, rows) {
    await sql`insert into target_ids (sweep, seq, ids, subjects)
        select t.sweep, t.seq, u.value->>1, t.subjects
        from json_each(${JSON.stringify(rows)}) as u
          cross join target_ids as t on t.sweep = ${sweep} and t.seq = u.value->>0
        where true on conflict (sweep, seq) do update set ids = excluded.ids`.execute(db);
  },
  // The log contains older versions of pages; in the pages themselves, deleted data is overwritten (`secure_delete`, see
  // thread.js). If another process reads permanently, the log stays until a later call.
  async eraseOldVersions(db) {
    for (let tries = 1; tries <= LOG_TRIES; tries += 1) {
      const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(db);
      if (rows[0]?.busy !== 1) return;
      await delay(LOG_RETRY_MS);
    }
  },
};

async function insert(db: Kysely<Tables>, view: string, values: WriteValues): Promise<void> {
  const columns = sql.raw(Object.keys(values).join(', '));
  await sql`insert into ${sql.raw(view)} (${columns}) values (${sql.join(Object.values(values))})`.execute(db);
}
