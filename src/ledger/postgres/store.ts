import { Kysely, PostgresDialect, sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { parsePostgresUrl } from '../../transport/postgres-url';
import type { PostgresTarget } from '../../transport/postgres-url';
import type { Intent, IntentResult } from '../ledger';
import { LedgerSettingError } from '../setting-error';
import type {
  BlockRow,
  OpenedRow,
  SqlForms,
  Store,
  StoreAddress,
  StoredWrites,
  StoreLock,
  WriteValues,
} from '../store';
import type { Tables } from '../tables';
import { postgresFailures } from './failures';
import { createPostgresPool } from './pool';

const isoText = (column: string): RawBuilder<string> =>
  sql`to_char(${sql.ref(column)} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The expressions of Postgres. The casts give it the types of parameters that it cannot infer. */
const postgresForms: SqlForms = {
  rowsOf: (texts) => sql`(select value, (position - 1)::integer as seq
           from jsonb_array_elements_text(${JSON.stringify(texts)}::jsonb) with ordinality as list (value, position))`,
  integersOf: (integers) =>
    sql`(select value::integer from jsonb_array_elements_text(${JSON.stringify(integers)}::jsonb) as list (value))`,
  isOneOf: (column, texts) => sql`${sql.ref(column)} = any(${texts}::text[])`,
  clockMs: () => sql`cast(extract(epoch from clock_timestamp()) * 1000 as double precision)`,
  instant: (time) => sql`cast(${time} as timestamptz)`,
  number: (value) => sql`cast(${value} as double precision)`,
  textAt: (column, position) => sql`${sql.ref(column)}::jsonb->>${sql.lit(position)}`,
  jsonArrayOf: (columns, instants) => {
    // json_build_array would write a space after each comma.
    const values = columns.map(
      (column) => sql`to_json(${instants.includes(column) ? isoText(column) : sql.ref(column)})`,
    );
    return sql`array_to_json(array[${sql.join(values)}])::text`;
  },
  joinedLines: (text) => sql`string_agg(${text}, chr(10))`,
  exactInstant: (column) => sql`${isoText(column)} as ${sql.ref(column)}`,
  intervalOf: (column, { start, length }) =>
    sql`floor((extract(epoch from ${sql.ref(column)}) * 1000 - ${sql.lit(start)}) / ${sql.lit(length)})::bigint`,
  // The offset keeps the planner from converting the look-ups to one join, for which it would scan the whole table.
  receiptsOfEach: (
    integers,
    condition,
  ) => sql`jsonb_array_elements_text(${JSON.stringify(integers)}::jsonb) as list (value)
        cross join lateral (select * from receipts as r where ${condition} offset 0) as r`,
};

/** The SQLSTATE of `ledger_refuse_when_stopped`. */
const STOPPED = 'HT006';

/** The SQLSTATE of `ledger_policy_intent`. */
const DAY_IS_FULL = 'HT008';

/** What `ledger_policy_intent` counts. */
const COUNTS = { run: 1, ids: 2 } as const;

/** The stored writes as functions; see `migrations/*.sql`. */
const postgresWrites: StoredWrites = {
  async recordIntent(db, intent) {
    try {
      return await callRecordIntent(db, intent);
    } catch (error) {
      const code = postgresFailures.codeOf(error);
      if (code === STOPPED) return 'stopped';
      if (code === DAY_IS_FULL) return 'dayIsFull';
      throw error;
    }
  },
  async run(db, write, values) {
    await sql`select ${call(`ledger_${write}`, values)}`.execute(db);
  },
  // Lists as texts: none of the values has a space, and Postgres splits a text faster than it reads JSON.
  idsForm: { begin: '', withSubjects: false, between: ' ', end: '', none: '' },
  blockLists: (rows) => {
    const listed = (value: (row: BlockRow) => string | number | null): string =>
      rows.map((row) => value(row) ?? '-').join(' ');
    return {
      subjects: listed(({ subjects }) => JSON.stringify(subjects)),
      worst: listed(({ worst }) => worst),
      some_items: listed(({ someItems }) => someItems),
      lines: listed(({ line }) => line),
    };
  },
  async appendBlock(db, { lists, ids, names, ...values }, isLast) {
    const texts = {
      ids: Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString('latin1'),
      names: names.map((name) => name.join(' ')).join(' '),
    };
    const append = call('ledger_sweep_block', { ...values, ...lists, ...texts });
    // Of the transaction that this statement is, or is part of.
    if (isLast) await sql`select ${append}`.execute(db);
    else await sql`select ${append}, set_config('synchronous_commit', 'off', true)`.execute(db);
  },
  async openWave(db, values) {
    const name = values.day === undefined ? 'ledger_sweep_wave' : 'ledger_policy_wave';
    return (await sql<OpenedRow>`select * from ${call(name, values)}`.execute(db)).rows;
  },
  async openBulk(db, values) {
    return (await sql<Omit<OpenedRow, 'round'>>`select * from ${call('ledger_bulk_wave', values)}`.execute(db)).rows;
  },
  async takeFence(db, { sweep, chunkId, takenBy }) {
    const taking = call('ledger_sweep_fence', { sweep, chunk_id: chunkId, taken_by: takenBy });
    const { rows } = await sql<{ fence: number }>`select ${taking} as fence`.execute(db);
    const [taken] = rows;
    if (taken === undefined) throw new Error('ledger_sweep_fence returned no row.');
    return taken.fence;
  },
  async replaceIds(db, sweep, rows) {
    await sql`update target_ids as t set ids = u->>1 from jsonb_array_elements(${JSON.stringify(rows)}::jsonb) as u
        where t.sweep = ${sweep} and t.seq = (u->>0)::integer`.execute(db);
  },
  // Postgres keeps old rows until it vacuums, and its log for as long as configured: see docs/deployment.md.
  eraseOldVersions: () => Promise.resolve(),
};

async function callRecordIntent(db: Kysely<Tables>, intent: Intent): Promise<IntentResult['kind']> {
  const { daily } = intent;
  const values = {
    workflow_id: intent.workflowId,
    run_id: intent.runId,
    activity_id: intent.activityId,
    step: intent.step,
    attempt: intent.attempt,
    task: intent.task,
    service: intent.service,
    environment: intent.environment,
    key_slot: intent.keySlot ?? null,
    subjects: intent.subjects,
    hold_subjects: intent.holdSubjects,
    refuse_unsettled: intent.refuseUnsettled,
    at: new Date().toISOString(),
  };
  const recording = daily
    ? call('ledger_policy_intent', {
        ...values,
        day: daily.day,
        most_users: daily.mostUsers,
        counts: COUNTS[daily.counts],
      })
    : call('ledger_record_intent', values);
  const { rows } = await sql<{ kind: IntentResult['kind'] }>`select ${recording} as kind`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new Error('ledger_record_intent returned no row.');
  return row.kind;
}

/** Returns the call of a function; each value is a parameter `p_NAME`. */
function call(name: string, values: WriteValues): RawBuilder<unknown> {
  const named = Object.entries(values).map(([parameter, value]) => sql`${sql.raw(`p_${parameter}`)} => ${value}`);
  return sql`${sql.raw(name)}(${sql.join(named)})`;
}

/** The letters HTTP as a number: separates these advisory locks from those of other software in the same database. */
const LOCK_CLASS = 1214606444;

/** `ledger_record_intent` and the waves take the lock of holds by its number. */
const LOCKS: Readonly<Record<StoreLock, number>> = { migration: 1, holds: 2, log: 3 };

/** A ledger in Postgres. */
export const postgresStore: Store = {
  ...postgresForms,
  ...postgresWrites,
  name: 'postgres',
  schemes: ['postgres', 'postgresql'],
  failures: postgresFailures,
  instantType: 'timestamptz',
  addressOf(url, plaintextAllowed) {
    const target = parsePostgresUrl(url, { item: 'ledger', plaintextAllowed });
    if (typeof target === 'string') throw new LedgerSettingError('HTTP_TASKS_LEDGER_URL', target);
    return addressOf(target);
  },
  async hasTable(db, table) {
    const { rows } = await sql<{ name: string | null }>`select to_regclass(${sql.lit(table)})::text as name`.execute(
      db,
    );
    return rows.some(({ name }) => name !== null);
  },
  async lock(transaction, lock) {
    const numbers = sql`${sql.lit(LOCK_CLASS)}, ${sql.lit(LOCKS[lock])}`;
    await sql`select pg_advisory_xact_lock(${numbers})`.execute(transaction);
  },
};

function addressOf(target: PostgresTarget): StoreAddress {
  return {
    label: target.label,
    inMemory: false,
    mayExist: () => true,
    protect: () => undefined,
    connect: (limits) => {
      const pool = createPostgresPool({ target, ...limits });
      return { store: postgresStore, db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }) };
    },
  };
}
