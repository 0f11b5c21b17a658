import { sql } from 'kysely';
import type { Kysely, RawBuilder } from 'kysely';
import type { Intent, IntentResult } from '../ledger';
import type { BlockRow, OpenedRow, StoredWrites, WriteValues } from '../store';
import type { Tables } from '../tables';
import { postgresFailures } from './failures';

/** The SQLSTATE of `ledger_refuse_when_stopped`. */
const STOPPED = 'HT006';

/** The SQLSTATE of `ledger_policy_intent`. */
const DAY_IS_FULL = 'HT008';

/** What `ledger_policy_intent` counts. */
const COUNTS = { run: 1, ids: 2 } as const;

/** The stored writes as functions; see `migrations/*.sql`. */
export const postgresWrites: StoredWrites = {
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
  async appendBlock(db, { rows, names, ...values }) {
    // Lists as texts: none of the values has a space, and Postgres splits a text faster than it reads JSON.
    const listed = (value: (row: BlockRow) => string | number | null): string =>
      rows.map((row) => value(row) ?? '-').join(' ');
    const lists = {
      ids: listed(({ ids }) => ids),
      subjects: listed(({ subjects }) => JSON.stringify(subjects)),
      worst: listed(({ worst }) => worst),
      some_items: listed(({ someItems }) => someItems),
      lines: listed(({ line }) => line),
      names: names.map((name) => name.join(' ')).join(' '),
    };
    await sql`select ${call('ledger_sweep_block', { ...values, ...lists })}`.execute(db);
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
