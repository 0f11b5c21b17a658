import { chmodSync, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kysely, sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { Intent, IntentResult } from '../ledger';
import { ALLOWED_LEDGER_URLS, LedgerSettingError } from '../setting-error';
import type { OpenedRow, SqlForms, Store, StoreAddress, StoredWrites, WideFile, WriteValues } from '../store';
import type { Tables } from '../tables';
import { LibsqlDialect, MAY_BE_LOST } from './dialect';
import { libsqlFailures } from './failures';

function rowsOf(texts: readonly string[]): RawBuilder<{ value: string; seq: number }> {
  return sql`(select value, key as seq from json_each(${JSON.stringify(texts)}))`;
}

/** The expressions of libSQL. Times are ISO texts. */
const libsqlForms: SqlForms = {
  rowsOf,
  integersOf: (integers) => sql`(select value from json_each(${JSON.stringify(integers)}))`,
  isOneOf: (column, texts) => sql`${sql.ref(column)} in (select value from ${rowsOf(texts)} as list)`,
  clockMs: () => sql`unixepoch('subsec') * 1000`,
  instant: (time) => sql`${time}`,
  number: (value) => sql`${value}`,
  textAt: (column, position) => sql`${sql.ref(column)}->>${sql.lit(position)}`,
  jsonArrayOf: (columns) => sql`json_array(${sql.join(columns.map((column) => sql.ref(column)))})`,
  joinedLines: (text) => sql`group_concat(${text}, char(10))`,
  exactInstant: (column) => sql`${sql.ref(column)}`,
  intervalOf: (column, { start, length }) =>
    sql`(cast(round(unixepoch(${sql.ref(column)}, 'subsec') * 1000) as integer) - ${sql.lit(start)}) / ${sql.lit(length)}`,
  receiptsOfEach: (integers, condition) =>
    sql`json_each(${JSON.stringify(integers)}) as list cross join receipts as r on ${condition}`,
};

/** What the trigger of `write_policy_intent` counts. */
const COUNTS = { run: 1, ids: 2 } as const;

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
const libsqlWrites: StoredWrites = {
  recordIntent,
  run: (db, write, values) => insert(db, `write_${write}`, values),
  // Base64url with commas, dots and a space needs no escaping.
  idsForm: { begin: '["', withSubjects: true, between: '","', end: '"]', none: '[]' },
  blockLists: (rows) => ({
    marks: JSON.stringify(
      rows.map(({ worst, someItems, line }) => (worst === null && someItems === 0 ? line : [worst, someItems, line])),
    ),
  }),
  appendBlock: (db, { lists, ids, names, ...values }, isLast) =>
    insert(db, 'write_sweep_block', { ...values, ...lists, users: ids, names: JSON.stringify(names) }, !isLast),
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
    const taken = await db
      .selectFrom('sweep_chunks')
      .select('fence')
      .where('sweep', '=', sweep)
      .where('chunk_id', '=', chunkId)
      .where('taken_by', '=', takenBy)
      .executeTakeFirst();
    return taken?.fence;
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

async function insert(db: Kysely<Tables>, view: string, values: WriteValues, mayBeLost = false): Promise<void> {
  const columns = sql.raw(Object.keys(values).join(', '));
  const begin = sql.raw(`${mayBeLost ? MAY_BE_LOST : ''}insert into ${view}`);
  await sql`${begin} (${columns}) values (${sql.join(Object.values(values))})`.execute(db);
}

type Kind = IntentResult['kind'];

/**
 * Checks and inserts in one statement, which is atomic because libSQL runs one write at a time across all processes.
 * Reads the reason only if nothing was written; if a hold was lifted in between there is none, and the insert is
 * retried.
 */
async function recordIntent(db: Kysely<Tables>, intent: Intent): Promise<Kind> {
  if (intent.daily) return recordCounted(db, intent, intent.daily);
  for (;;) {
    if ((await insertUnlessRefused(db, intent)) > 0n) return 'recorded';
    const reason = await reasonOfRefusal(db, intent);
    if (reason !== undefined) return reason;
  }
}

/**
 * Like {@link recordIntent}. The write refuses as a whole, and libSQL does not report why; without a reason the day is full,
 * unless the reason is gone by then, which a second try shows.
 */
async function recordCounted(
  db: Kysely<Tables>,
  intent: Intent,
  { day, mostUsers, counts }: NonNullable<Intent['daily']>,
): Promise<Kind> {
  const values = sql.join([
    intent.workflowId,
    intent.runId,
    intent.activityId,
    intent.step,
    intent.attempt,
    intent.task,
    intent.service,
    intent.environment,
    intent.keySlot ?? null,
    JSON.stringify(intent.subjects),
    JSON.stringify(intent.holdSubjects),
    intent.refuseUnsettled ? 1 : 0,
    new Date().toISOString(),
    day,
    mostUsers,
    COUNTS[counts],
  ]);
  const write = sql`
    insert into write_policy_intent (workflow_id, run_id, activity_id, step, attempt, task, service, environment,
      key_slot, subjects, hold_subjects, refuse_unsettled, at, day, most_users, counts) values (${values})`;
  for (let tries = 1; ; tries += 1) {
    try {
      await write.execute(db);
      return 'recorded';
    } catch (error) {
      if (!libsqlFailures.isRefusal(libsqlFailures.codeOf(error) ?? '')) throw error;
      const reason = await reasonOfRefusal(db, intent);
      if (reason !== undefined) return reason;
      if (tries === 2) return 'dayIsFull';
    }
  }
}

async function insertUnlessRefused(db: Kysely<Tables>, intent: Intent): Promise<bigint> {
  const { held, unsettled, stopped } = conditions(intent);
  const result = await sql`
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
      environment, key_slot, at)
    select ${intent.workflowId}, ${intent.runId}, ${intent.activityId}, list.seq, ${intent.step}, 'intent',
      ${intent.attempt}, list.value, ${intent.task}, ${intent.service}, ${intent.environment},
      ${intent.keySlot ?? null}, ${new Date().toISOString()}
    from ${libsqlForms.rowsOf(intent.subjects)} as list
    where not ${held} and not ${unsettled} and not ${stopped}
    on conflict do nothing`.execute(db);
  return result.numAffectedRows ?? 0n;
}

async function reasonOfRefusal(db: Kysely<Tables>, intent: Intent): Promise<Kind | undefined> {
  const { recorded, held, unsettled, stopped } = conditions(intent);
  const { rows } = await sql<{ kind: Kind | null }>`
    select case when ${unsettled} then 'unsettled' when ${held} then 'held' when ${stopped} then 'stopped'
      when ${recorded} then 'recorded' end as kind
  `.execute(db);
  return rows[0]?.kind ?? undefined;
}

function conditions(intent: Intent) {
  const sentByThisCall = sql`
    sent.workflow_id = ${intent.workflowId} and sent.run_id = ${intent.runId}
      and sent.activity_id = ${intent.activityId} and sent.phase = 'intent'`;
  return {
    recorded: sql`exists (
      select 1 from receipts as sent
      where ${sentByThisCall} and sent.step = ${intent.step} and sent.attempt = ${intent.attempt})`,
    held: sql`exists (select 1 from holds where ${libsqlForms.isOneOf('subject', intent.holdSubjects)})`,
    stopped: sql`exists (select 1 from stops where lifted_at is null)`,
    // Only an earlier attempt that certainly changed nothing lets this one through: one that succeeded may have lost
    // its worker before Temporal learned of it. An intent of the same or a later attempt means that Temporal restarted
    // the count of attempts, because the activity was reset, or that this attempt was frozen and resumed too late.
    unsettled: sql`(${intent.refuseUnsettled} and exists (
      select 1 from receipts as sent
      where ${sentByThisCall} and (sent.attempt >= ${intent.attempt} or not exists (
        select 1 from receipts as answered
        where answered.workflow_id = sent.workflow_id and answered.run_id = sent.run_id
          and answered.activity_id = sent.activity_id and answered.seq = sent.seq and answered.step = sent.step
          and answered.phase = 'outcome' and answered.round = sent.round and answered.attempt = sent.attempt
          and answered.outcome = 'failed'))))`,
  };
}

/** File mode of a ledger: read and write for its owner only. */
const PRIVATE = 0o600;

const OTHERS = 0o077;

/** Suffixes of the files of an open database. */
const FILES = ['', '-wal', '-shm'] as const;

/** The path of a ledger that exists only as long as its connection. */
const IN_MEMORY = ':memory:';

/** A ledger in a libSQL file, used in a thread of this process. */
export const libsqlStore: Store = {
  ...libsqlForms,
  ...libsqlWrites,
  name: 'libsql',
  schemes: ['file'],
  failures: libsqlFailures,
  instantType: 'text',
  addressOf: (url) => addressOf(pathOf(url)),
  async hasTable(db, table) {
    const { rows } = await sql`select name from sqlite_master where type = 'table' and name = ${table}`.execute(db);
    return rows.length > 0;
  },
  // Transactions begin as `immediate` and already have the one write lock.
  lock: () => Promise.resolve(),
};

function pathOf(url: string): string {
  const rest = url.slice('file:'.length);
  if (rest === IN_MEMORY) return IN_MEMORY;
  const file = rest.startsWith('//') ? absoluteFile(url) : rest;
  if (file === '') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', `file: needs a path. ${ALLOWED_LEDGER_URLS}`);
  return path.resolve(file);
}

function absoluteFile(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw new LedgerSettingError(
      'HTTP_TASKS_LEDGER_URL',
      'a file URL with // needs an absolute path and no host: file:///srv/ledger.db. For a relative one write file:./ledger.db.',
    );
  }
}

function addressOf(file: string): StoreAddress {
  return {
    label: file === IN_MEMORY ? 'file::memory:' : `file:${file}`,
    inMemory: file === IN_MEMORY,
    // False for a ledger in memory.
    mayExist: () => existsSync(file),
    protect: (onEvent) => {
      if (file === IN_MEMORY) return;
      for (const wide of tightenLedgerFiles(file)) onEvent({ kind: 'wideFile', ...wide });
    },
    connect: (limits, onEvent) => {
      const onThreadLost = (reason: string): void => onEvent({ kind: 'threadLost', reason });
      const dialect = new LibsqlDialect({ path: file, ...limits, onThreadLost });
      return { store: libsqlStore, db: new Kysely<Tables>({ dialect }) };
    },
  };
}

/** Removes other users' permissions from a ledger's existing files and returns the files that had any. */
function tightenLedgerFiles(path: string): WideFile[] {
  return FILES.flatMap((suffix) => {
    const file = `${path}${suffix}`;
    const stat = statSync(file, { throwIfNoEntry: false });
    // Windows has no such permissions.
    if (!stat?.isFile() || process.getuid === undefined || (stat.mode & OTHERS) === 0) return [];
    return [{ file, mode: `0${(stat.mode & 0o777).toString(8)}`, tightened: tighten(file) }];
  });
}

function tighten(file: string): boolean {
  try {
    chmodSync(file, PRIVATE);
    return true;
  } catch {
    return false;
  }
}
