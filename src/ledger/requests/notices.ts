import { sql } from 'kysely';
import { guardedBy } from '../sql-calls';
import type { CallLimits } from '../sql-calls';
import type { LedgerDatabase } from '../store';
import { storable } from '../values';

/** Kinds of notices. */
export type NoticeKind = 'approval' | 'person' | 'stop' | 'dueSoon' | 'overdue';

/** Something that is sent to people once. */
export interface Notice {
  /** The same whichever worker notices it. */
  id: string;
  kind: NoticeKind;
  /** What it is about: IDs of sweeps and workflows, and numbers; nothing of a user. */
  about: Readonly<Record<string, string | number>>;
  /** ISO 8601, UTC: when it was noticed. */
  at: string;
}

/** What waits for people, as far as the ledger knows. */
export interface WaitingWork {
  /** The IDs of sweeps that wait for their approval. */
  approvals: string[];
  /** The number of paused sweeps. */
  paused: number;
  /** Steps that people have to do, with the number of users of a sweep who wait. */
  steps: { sweepId: string; step: string; users: number }[];
  /** The number of the stop in force. */
  stop?: number;
}

/** Notices, and what they are made of. All methods reject with `LedgerUnavailableError` when the database is unavailable. */
export interface NoticeLedger {
  waiting(): Promise<WaitingWork>;
  /** Stores a notice, unless one with its ID was stored before. */
  note(notice: Notice): Promise<void>;
  /**
   * Returns notices that were not sent, oldest first. Each is this caller's for `forMs`, longer after each try, unless it
   * calls `sent`; then another caller gets it.
   */
  claim(claim: { limit: number; forMs: number }): Promise<Notice[]>;
  sent(id: string): Promise<void>;
  /** Deletes notices that were sent before a moment. */
  purge(before: Date): Promise<number>;
}

/** A notice that could not be sent is tried again after at most this many times the first delay. */
const LONGEST_DELAY = 64;

/** Number of failed attempts after which a notice is given up: about four days. */
const MOST_TRIES = 100;

/** Creates the notices part of a ledger over an open database. Each call ends within `deadlineMs`. */
export function createSqlNoticeLedger(database: LedgerDatabase, limits: CallLimits): NoticeLedger {
  const guarded = guardedBy(database, limits);
  return {
    waiting: guarded(waiting),
    note: guarded(note),
    claim: guarded(claim),
    sent: guarded(sent),
    purge: guarded(purge),
  };
}

async function waiting({ db }: LedgerDatabase): Promise<WaitingWork> {
  const sweeps = await db
    .selectFrom('sweeps')
    .select(['sweep_id', 'status'])
    .where('ended_at', 'is', null)
    .where('status', 'in', ['waitingForApproval', 'paused'])
    .orderBy('number')
    .execute();
  const steps = await db
    .selectFrom('target_progress')
    .innerJoin('sweeps', 'sweeps.number', 'target_progress.sweep')
    .select((eb) => ['sweeps.sweep_id', 'waits_for', eb.fn.countAll<number | string>().as('users')])
    .where('waits_for', 'is not', null)
    .where('sweeps.ended_at', 'is', null)
    .groupBy(['sweeps.sweep_id', 'waits_for'])
    .execute();
  const stop = await db.selectFrom('stops').select('number').where('lifted_at', 'is', null).executeTakeFirst();
  return {
    approvals: sweeps.filter(({ status }) => status === 'waitingForApproval').map((sweep) => sweep.sweep_id),
    paused: sweeps.filter(({ status }) => status === 'paused').length,
    steps: steps.map((row) => ({ sweepId: row.sweep_id, step: row.waits_for ?? '', users: Number(row.users) })),
    ...(stop && { stop: stop.number }),
  };
}

async function note({ db }: LedgerDatabase, { id, kind, about, at }: Notice): Promise<void> {
  await db
    .insertInto('notices')
    .values({ notice_id: storable(id), kind, about: storable(JSON.stringify(about)), at })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function claim(
  { db, store }: LedgerDatabase,
  { limit, forMs }: { limit: number; forMs: number },
): Promise<Notice[]> {
  const clock = store.clockMs();
  const free = await db
    .selectFrom('notices')
    .selectAll()
    .where('sent_at', 'is', null)
    .where('tries', '<', MOST_TRIES)
    .where('claimed_until_ms', '<=', clock)
    .orderBy('at')
    .limit(limit)
    .execute();
  const claimed: Notice[] = [];
  for (const row of free) {
    const delayMs = forMs * Math.min(2 ** row.tries, LONGEST_DELAY);
    const { numUpdatedRows } = await db
      .updateTable('notices')
      .set({ claimed_until_ms: sql`${clock} + ${delayMs}`, tries: row.tries + 1 })
      .where('notice_id', '=', row.notice_id)
      .where('sent_at', 'is', null)
      .where('tries', '=', row.tries)
      .executeTakeFirst();
    // Another worker was faster.
    if (numUpdatedRows === 0n) continue;
    claimed.push({
      id: row.notice_id,
      kind: row.kind as NoticeKind,
      about: JSON.parse(row.about ?? '{}') as Notice['about'],
      at: new Date(row.at).toISOString(),
    });
  }
  return claimed;
}

async function sent({ db }: LedgerDatabase, id: string): Promise<void> {
  await db
    .updateTable('notices')
    .set({ sent_at: new Date().toISOString() })
    .where('notice_id', '=', storable(id))
    .execute();
}

async function purge({ db }: LedgerDatabase, before: Date): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('notices')
    .where('sent_at', '<', before.toISOString())
    .executeTakeFirst();
  return Number(numDeletedRows);
}
