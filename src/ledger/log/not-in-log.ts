import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { digestOfSubjects } from '../holds';
import type { LedgerDatabase } from '../store';
import type { LeafKind } from './leaf-kind';
import { partsOfRef } from './contents';
import { readPurged } from './purge-runs';
import type { Purged } from './purge-runs';

/** A row of the ledger that the log does not account for. */
export interface RowOutside {
  kind: LeafKind;
  ref: string;
  problem: string;
}

/** What was recorded before the log existed, as its first leaf says. */
interface Start {
  receipts: number;
  compensations: number;
  holdLog: number;
  holds: readonly string[];
  stops: number;
  sweeps: readonly (readonly [string, string | null])[];
}

const NOTHING_BEFORE: Start = { receipts: 0, compensations: 0, holdLog: 0, holds: [], stops: 0, sweeps: [] };

/** Row IDs that are looked through with one statement, and leaves that are read with one. */
const WINDOW = 50_000;
const LEAVES = 2_000;

const NO_LEAF = 'is in no leaf of the log: it was added past it';

type InTime = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Finds rows that no leaf is about and that are not queued for the log either, and holds that are not those of which the
 * log says that they are in force.
 */
export async function findOutside(database: LedgerDatabase, { inTime }: { inTime: InTime }): Promise<RowOutside[]> {
  const { leaves: purged } = await inTime(() => readPurged(database));
  const start = await inTime(() => readStart(database));
  return [
    ...(await receiptsOutside(database, { inTime, purged, start })),
    ...(await inTime(() => rowsWithoutLeaf(database, start))),
    ...(await inTime(() => approvalsOutside(database, start))),
    ...(await inTime(() => policiesOutside(database))),
    ...(await holdsOutside(database, { inTime, start })),
  ];
}

async function readStart({ db }: LedgerDatabase): Promise<Start> {
  const first = db.selectFrom('log_contents').select('content').where('number', '=', 0).where('kind', '=', 'start');
  const row = await first.executeTakeFirst();
  return row === undefined ? NOTHING_BEFORE : (JSON.parse(row.content) as Start);
}

/** Row IDs in ascending, disjoint ranges. */
class RowRanges {
  readonly #ranges: [number, number][] = [];

  add(rows: string): void {
    for (const range of rows.split(',')) {
      const [from = 0, to = from] = range.split('-').map(Number);
      this.#ranges.push([from, to]);
    }
  }

  /** Call it after the last `add`. */
  sort(): void {
    this.#ranges.sort(([a], [b]) => a - b);
    // A leaf of a run covers what leaves of its calls cover too.
    let used = 0;
    for (const [from, to] of this.#ranges) {
      const last = used > 0 ? this.#ranges[used - 1] : undefined;
      if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
      else this.#ranges[used++] = [from, to];
    }
    this.#ranges.length = used;
  }

  includes(id: number): boolean {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.[0] ?? 0) <= id) low = middle + 1;
      else high = middle;
    }
    return low > 0 && id <= (this.#ranges[low - 1]?.[1] ?? -1);
  }
}

/** Reads which receipts the leaves from a place on cover. Returns the place after the last leaf. */
async function readRanges(
  { db }: LedgerDatabase,
  { from, purged, inTime }: { from: number; purged: Purged['leaves']; inTime: InTime },
): Promise<{ ranges: RowRanges; next: number }> {
  const ranges = new RowRanges();
  let next = from;
  for (let more = true; more;) {
    const after = next;
    const rows = await inTime(() =>
      db
        .selectFrom('log_contents')
        .select(['number', 'content'])
        .where('number', '>=', after)
        .where('kind', 'in', ['run', 'call'])
        .orderBy('number')
        .limit(LEAVES)
        .execute(),
    );
    for (const { number, content } of rows)
      if (!purged.has(Number(number))) ranges.add((JSON.parse(content) as { rows?: string }).rows ?? '0');
    next = rows.length === 0 ? next : Number(rows.at(-1)?.number) + 1;
    more = rows.length === LEAVES;
  }
  ranges.sort();
  return { ranges, next };
}

interface ReceiptPlace {
  id: number;
  workflowId: string;
  runId: string;
}

async function receiptsOutside(
  database: LedgerDatabase,
  { inTime, purged, start }: { inTime: InTime; purged: Purged['leaves']; start: Start },
): Promise<RowOutside[]> {
  const { db } = database;
  const { ranges, next } = await readRanges(database, { from: 0, purged, inTime });
  const last = await inTime(() => sql<{ id: number | string | null }>`select max(id) as id from receipts`.execute(db));
  const end = Number(last.rows[0]?.id ?? 0);
  const left: ReceiptPlace[] = [];
  const strangers = new Map<string, number>();
  for (let from = start.receipts; from < end; from += WINDOW) {
    const window = sql`id > ${from} and id <= ${Math.min(end, from + WINDOW)}`;
    const ofRuns = await inTime(() =>
      sql<{ id: number | string; workflow_id: string; run_id: string }>`
        select id, workflow_id, run_id from receipts where ${window} and run_id <> ''`.execute(db),
    );
    for (const row of ofRuns.rows)
      if (!ranges.includes(Number(row.id)))
        left.push({ id: Number(row.id), workflowId: row.workflow_id, runId: row.run_id });
    const ofNoSweep = await inTime(() =>
      sql<{ workflow_id: string; receipts: number | string }>`
        select workflow_id, count(*) as receipts from receipts r where ${window} and run_id = ''
          and (activity_id <> '' or not exists (select 1 from sweeps s where s.sweep_id = r.workflow_id))
        group by workflow_id`.execute(db),
    );
    for (const { workflow_id: id, receipts } of ofNoSweep.rows)
      strangers.set(id, (strangers.get(id) ?? 0) + Number(receipts));
  }
  // What was written meanwhile is queued, or was numbered since.
  const queued = await inTime(() =>
    db.selectFrom('log_queue').select('ref').where('kind', 'in', ['run', 'call']).execute(),
  );
  const inQueue = new Set(queued.map(({ ref }) => runOf(partsOfRef(ref))));
  const since = await readRanges(database, { from: next, purged, inTime });
  const outside = new Map<string, number>();
  for (const { id, ...run } of left)
    if (!inQueue.has(runOf(run)) && !since.ranges.includes(id))
      outside.set(runOf(run), (outside.get(runOf(run)) ?? 0) + 1);
  return [
    ...[...outside].map(([ref, receipts]) => ({
      kind: 'run' as const,
      ref,
      problem: `${receipts} of its receipts are in no leaf of the log: they were added past it`,
    })),
    ...[...strangers].map(([ref, receipts]) => ({
      kind: 'sweep' as const,
      ref,
      problem: `${receipts} receipts are of no sweep or run`,
    })),
  ];
}

function runOf({ workflowId, runId }: { workflowId: string; runId: string }): string {
  return `${workflowId}\n${runId}\n`;
}

/** Rows of tables whose leaves are found by `ref`, each in one statement that sees leaves and queue as they were together. */
async function rowsWithoutLeaf({ db }: LedgerDatabase, start: Start): Promise<RowOutside[]> {
  const lineBreak = sql`cast(${'\n'} as text)`;
  const sealed = [
    {
      kind: 'hold' as const,
      rows: sql`select cast(id as text) as ref from hold_log where id > ${start.holdLog}`,
    },
    {
      kind: 'stop' as const,
      rows: sql`
        select number || ' set' as ref from stops where number > ${start.stops}
        union all select number || ' lifted' from stops where number > ${start.stops} and lifted_at is not null`,
    },
    { kind: 'sweep' as const, rows: sql`select sweep_id as ref from sweeps where merkle_root is not null` },
    {
      kind: 'run' as const,
      rows: sql`
        select distinct workflow_id || ${lineBreak} || run_id || ${lineBreak} as ref from compensation_log
        where id > ${start.compensations}`,
    },
  ];
  const { rows: loose } = await sql<{ kind: LeafKind; ref: string }>`
    select kind, ref from log_contents as c
    where not exists (select 1 from log_leaves as l where l.number = c.number)`.execute(db);
  const before = new Set(start.sweeps.filter(([, root]) => root !== null).map(([sweepId]) => sweepId));
  const found: RowOutside[] = loose.map((content) => ({ ...content, problem: 'is a content of no leaf' }));
  for (const { kind, rows } of sealed) {
    const { rows: without } = await sql<{ ref: string }>`
      select ref from (${rows}) as r where ${hasNo('log_contents', kind)} and ${hasNo('log_queue', kind)}`.execute(db);
    for (const { ref } of without)
      if (kind !== 'sweep' || !before.has(ref)) found.push({ kind, ref, problem: NO_LEAF });
  }
  return found;
}

function hasNo(table: 'log_contents' | 'log_queue', kind: LeafKind): RawBuilder<unknown> {
  return sql`not exists (select 1 from ${sql.table(table)} as l where l.kind = ${kind} and l.ref = r.ref)`;
}

/** Contents about one kind, also of what is queued. Of approvals and policies there are few. */
async function contentsOf<T>({ db }: LedgerDatabase, kind: LeafKind): Promise<T[]> {
  const { rows } = await sql<{ content: string }>`
    select content from log_contents where kind = ${kind}
    union all select content from log_queue where kind = ${kind}`.execute(db);
  return rows.map(({ content }) => JSON.parse(content) as T);
}

async function approvalsOutside(database: LedgerDatabase, start: Start): Promise<RowOutside[]> {
  const { db } = database;
  const signed = await db.selectFrom('sweep_approvals').select(['sweep_id', 'approver']).execute();
  const approved = await db.selectFrom('sweeps').select('sweep_id').where('approved_at', 'is not', null).execute();
  const leaves = await contentsOf<{ sweepId: string; by: string; signature?: string }>(database, 'approval');
  const known = new Set(leaves.map(({ sweepId, by, signature }) => `${sweepId}\n${signature === undefined ? '' : by}`));
  const before = new Set(start.sweeps.map(([sweepId]) => sweepId));
  return [
    ...signed.filter((row) => !known.has(`${row.sweep_id}\n${row.approver}`)),
    ...approved.filter((row) => !known.has(`${row.sweep_id}\n`) && !before.has(row.sweep_id)),
  ].map((row) => ({ kind: 'approval', ref: row.sweep_id, problem: NO_LEAF }));
}

async function policiesOutside(database: LedgerDatabase): Promise<RowOutside[]> {
  const rows = await database.db.selectFrom('policy_log').select(['digest', 'task_queue', 'at']).execute();
  const leaves = await contentsOf<{ digest: string | null; taskQueue: string; at: string }>(database, 'policy');
  const nameOf = (taskQueue: string, digest: string | null, at: string) => JSON.stringify([taskQueue, digest, at]);
  const known = new Set(leaves.map(({ taskQueue, digest, at }) => nameOf(taskQueue, digest, at)));
  return rows
    .filter((row) => !known.has(nameOf(row.task_queue, row.digest, new Date(row.at).toISOString())))
    .map(({ digest }) => ({ kind: 'policy', ref: digest ?? '', problem: NO_LEAF }));
}

/** A hold in force with one of its subjects, or the last entry about a hold. */
interface HoldRow {
  hold_id: string;
  reason: string | null;
  /** Null for a hold in force. */
  change: 'set' | 'extended' | 'lifted' | null;
  subject: string | null;
  subjects: number | null;
  subjects_digest: string | null;
}

/** Compares the holds in force with the last entry about each. */
async function holdsOutside(
  { db }: LedgerDatabase,
  { inTime, start }: { inTime: InTime; start: Start },
): Promise<RowOutside[]> {
  // In one statement, because a hold may be set in between.
  const { rows } = await inTime(() =>
    sql<HoldRow>`
      select hold_id, reason, cast(null as text) as change, subject, cast(null as integer) as subjects,
        cast(null as text) as subjects_digest from holds
      union all
      select hold_id, reason, change, null, subjects, subjects_digest from hold_log
        where id in (select max(id) from hold_log group by hold_id)`.execute(db),
  );
  const entries = rows.filter(({ change }) => change !== null);
  const holds = rows.filter(({ change }) => change === null);
  const inForce = new Map<string, { subjects: string[]; reasons: Set<string | null> }>();
  for (const { hold_id: holdId, subject, reason } of holds) {
    const hold = inForce.get(holdId) ?? { subjects: [], reasons: new Set() };
    hold.subjects.push(subject ?? '');
    hold.reasons.add(reason);
    inForce.set(holdId, hold);
  }
  const found: RowOutside[] = [];
  const add = (holdId: string, problem: string) => found.push({ kind: 'hold', ref: holdId, problem });
  for (const entry of entries) {
    const hold = inForce.get(entry.hold_id);
    inForce.delete(entry.hold_id);
    if (entry.change === 'lifted') {
      if (hold !== undefined) add(entry.hold_id, 'is in force, but the log says that it was lifted');
    } else if (hold === undefined) add(entry.hold_id, 'is not in force, but the log says that it was set');
    else if (hold.subjects.length !== entry.subjects)
      add(entry.hold_id, `is about ${hold.subjects.length} keyed hashes of users, but the log says ${entry.subjects}`);
    else if (entry.subjects_digest !== null && entry.subjects_digest !== digestOfSubjects(hold.subjects))
      add(entry.hold_id, 'is about other users than the log says');
    else if (hold.reasons.size !== 1 || !hold.reasons.has(entry.reason))
      add(entry.hold_id, 'has another reason than the log says');
  }
  const before = new Set(start.holds);
  const logged = new Set(entries.map((entry) => entry.hold_id));
  for (const holdId of inForce.keys()) if (!before.has(holdId)) add(holdId, NO_LEAF);
  for (const holdId of before)
    if (!logged.has(holdId) && !inForce.has(holdId))
      add(holdId, 'was there before the log, and is gone without an entry');
  return found;
}
