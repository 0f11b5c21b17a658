import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { LedgerDialect, Tables } from '../tables';
import type { Migration } from './migration';

/**
 * Adds what an operator's policy needs: how many users were begun on each day, the policies that workers have read, and the
 * policy under which a sweep was opened.
 */
export const policyMigration: Migration = {
  name: '0018-policy',
  async up(transaction, dialect) {
    await transaction.schema
      .createTable('policy_days')
      // A day in UTC: 2030-01-31.
      .addColumn('day', 'text', (column) => column.notNull().primaryKey())
      .addColumn('users', 'integer', (column) => column.notNull())
      // libSQL only: what the write that is in progress adds.
      .addColumn('adds', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await createPolicyLog(transaction, dialect);
    // SHA-256 of the policy file of the worker that opened it, in hex; null without a policy.
    await transaction.schema.alterTable('sweeps').addColumn('policy_digest', 'text').execute();
    const statements = [...APPEND_ONLY[dialect], ...(dialect === 'postgres' ? POSTGRES : LIBSQL)];
    for (const statement of statements) await sql.raw(statement).execute(transaction);
  },
};

/** One row whenever a worker of a task queue starts with another policy than the one before it. */
async function createPolicyLog(transaction: Transaction<Tables>, dialect: LedgerDialect): Promise<void> {
  const create = transaction.schema.createTable('policy_log');
  const numbered =
    dialect === 'postgres'
      ? create.addColumn('id', 'bigint', (column) => column.generatedAlwaysAsIdentity().primaryKey())
      : create.addColumn('id', 'integer', (column) => column.primaryKey());
  await numbered
    .addColumn('namespace', 'text', (column) => column.notNull())
    .addColumn('task_queue', 'text', (column) => column.notNull())
    // Null: without a policy.
    .addColumn('digest', 'text')
    // JSON: the rules; null without a policy.
    .addColumn('rules', 'text')
    .addColumn('worker', 'text', (column) => column.notNull())
    .addColumn('at', dialect === 'postgres' ? 'timestamptz' : 'text', (column) => column.notNull())
    .execute();
  await transaction.schema
    .createIndex('policy_log_queue')
    .on('policy_log')
    .columns(['namespace', 'task_queue', 'id'])
    .execute();
}

/**
 * Both functions take the day's row first, so that all processes that count take their locks in one order, and then do what the
 * functions that do not count do. SQLSTATE HT008: the day has as many users as the policy allows.
 *
 * A user of a wave is counted when it is begun for the first time: only then have its round and `unsettled` their first values.
 * A wave that is repeated counts nothing, and neither do users who are held. Within a chunk, users are begun in their order, so
 * that the range ends before the first user for whom there is no place.
 *
 * For an intent, `p_counts` says what is counted if it is recorded: 1, one user for the whole run; 2, each subject that the run
 * has no intent for yet, and one user for a call without any.
 */
const POSTGRES: readonly string[] = [
  `
  create function ledger_policy_wave(p_sweep integer, p_sweep_id text, p_chunk_id text, p_fence integer, p_wave integer,
    p_first integer, p_last integer, p_most integer, p_at timestamptz, p_claimed_by text, p_sends integer, p_day text,
    p_most_users integer
  ) returns table (seq integer, round integer, unsettled integer, ids text, subjects text)
  language plpgsql volatile set enable_seqscan = off as $$
  #variable_conflict use_column
  declare
    v_left integer;
    v_last integer;
    v_is_first boolean;
  begin
    insert into policy_days (day, users) values (p_day, 0) on conflict do nothing;
    select greatest(p_most_users - d.users, 0) into v_left from policy_days d where d.day = p_day for update;
    select t.seq - 1 into v_last from targets t
    where t.sweep = p_sweep and t.seq between p_first and p_last and t.state = 'pending' and t.intent_at is null
    order by t.seq offset v_left limit 1;
    v_is_first := not exists (
      select 1 from targets t where t.sweep = p_sweep and t.seq between p_first and p_last
        and t.fence = p_fence and t.wave = p_wave);
    return query select * from ledger_sweep_wave(p_sweep, p_sweep_id, p_chunk_id, p_fence, p_wave, p_first,
      coalesce(v_last, p_last), p_most, p_at, p_claimed_by, p_sends);
    if v_is_first then
      update policy_days d set users = d.users + (
        select count(*) from targets t where t.sweep = p_sweep and t.seq between p_first and p_last
          and t.fence = p_fence and t.wave = p_wave and t.state = 'open' and t.round = 0 and t.unsettled = 0)
      where d.day = p_day;
    end if;
  end $$`,
  `
  create function ledger_policy_intent(
    p_workflow_id text, p_run_id text, p_activity_id text, p_step text, p_attempt integer, p_task text,
    p_service text, p_environment text, p_key_slot text, p_subjects text[], p_hold_subjects text[],
    p_refuse_unsettled boolean, p_at timestamptz, p_day text, p_most_users integer, p_counts integer
  ) returns text language plpgsql volatile as $$
  declare
    v_users integer;
    v_adds integer;
    v_kind text;
  begin
    insert into policy_days (day, users) values (p_day, 0) on conflict do nothing;
    select d.users into v_users from policy_days d where d.day = p_day for update;
    if p_counts = 1 then
      select case when exists (
        select 1 from receipts r where r.workflow_id = p_workflow_id and r.run_id = p_run_id and r.phase = 'intent')
        then 0 else 1 end into v_adds;
    else
      select count(*) into v_adds from (select distinct s from unnest(p_subjects) s) as given (s) where not exists (
        select 1 from receipts r where r.workflow_id = p_workflow_id and r.run_id = p_run_id and r.phase = 'intent'
          and r.subject = given.s and (given.s <> '' or r.activity_id = p_activity_id));
    end if;
    v_kind := ledger_record_intent(p_workflow_id, p_run_id, p_activity_id, p_step, p_attempt, p_task, p_service,
      p_environment, p_key_slot, p_subjects, p_hold_subjects, p_refuse_unsettled, p_at);
    if v_kind = 'recorded' and v_adds > 0 then
      if v_users + v_adds > p_most_users then raise exception 'day is full' using errcode = 'HT008'; end if;
      update policy_days d set users = d.users + v_adds where d.day = p_day;
    end if;
    return v_kind;
  end $$`,
];

const APPEND_ONLY = {
  libsql: ['update', 'delete'].map(
    (change) => `create trigger policy_log_no_${change} before ${change} on policy_log
      begin select raise(abort, 'this table is append-only'); end`,
  ),
  postgres: [
    `create trigger policy_log_append_only before update or delete or truncate on policy_log
      for each statement execute function ledger_append_only()`,
  ],
};

/** What an intent of libSQL adds to its day; see {@link POSTGRES}. */
const ADDS = `case new.counts when 1 then not exists (
      select 1 from receipts as r where r.workflow_id = new.workflow_id and r.run_id = new.run_id and r.phase = 'intent')
    else (select count(distinct s.value) from json_each(new.subjects) as s where not exists (
      select 1 from receipts as r where r.workflow_id = new.workflow_id and r.run_id = new.run_id and r.phase = 'intent'
        and r.subject = s.value and (s.value <> '' or r.activity_id = new.activity_id))) end`;

const SENT = `sent.workflow_id = new.workflow_id and sent.run_id = new.run_id and sent.activity_id = new.activity_id
        and sent.phase = 'intent'`;

/** The conditions of ledger/intent.ts, under which nothing is recorded. */
const REFUSED = `exists (select 1 from json_each(new.hold_subjects) as s join holds as h on h.subject = s.value)
      or exists (select 1 from stops where lifted_at is null)
      or (new.refuse_unsettled = 1 and exists (
        select 1 from receipts as sent where ${SENT} and (sent.attempt >= new.attempt or not exists (
          select 1 from receipts as undone
          where undone.workflow_id = sent.workflow_id and undone.run_id = sent.run_id
            and undone.activity_id = sent.activity_id and undone.seq = sent.seq and undone.step = sent.step
            and undone.phase = 'outcome' and undone.round = sent.round and undone.attempt = sent.attempt
            and undone.outcome = 'failed'))))`;

const WAVE_COLUMNS = [
  'sweep',
  'sweep_id',
  'chunk_id',
  'fence',
  'wave',
  'first',
  'last',
  'most',
  'at',
  'claimed_by',
  'sends',
];

const INTENT_COLUMNS = [
  'workflow_id',
  'run_id',
  'activity_id',
  'step',
  'attempt',
  'task',
  'service',
  'environment',
  'key_slot',
  'subjects',
  'hold_subjects',
  'refuse_unsettled',
  'at',
  'day',
  'most_users',
  'counts',
];

function view(name: string, columns: readonly string[]): string {
  return `create view ${name} as select ${columns.map((column) => `null as "${column}"`).join(', ')} where false`;
}

const NEW_DAY = 'insert into policy_days (day, users) values (new.day, 0) on conflict do nothing;';

const IN_WAVE = `t.sweep = new.sweep and t.seq between new.first and new.last and t.fence = new.fence and t.wave = new.wave`;

/** The same as in Postgres. `adds` keeps what a trigger finds before it writes: 1 for the first try of a wave. */
const LIBSQL: readonly string[] = [
  view('write_policy_wave', [...WAVE_COLUMNS, 'day', 'most_users']),
  `create trigger write_policy_wave_run instead of insert on write_policy_wave begin
    ${NEW_DAY}
    update policy_days set adds = not exists (select 1 from targets as t where ${IN_WAVE}) where day = new.day;
    insert into write_sweep_wave (sweep, sweep_id, chunk_id, fence, wave, first, last, most, at, claimed_by, sends)
    select new.sweep, new.sweep_id, new.chunk_id, new.fence, new.wave, new.first, coalesce((
        select fresh.seq - 1 from (
          select t.seq, row_number() over (order by t.seq) as place from targets as t
          where t.sweep = new.sweep and t.seq between new.first and new.last and t.state = 'pending'
            and t.intent_at is null) as fresh
          join policy_days as d on d.day = new.day and fresh.place = max(new.most_users - d.users, 0) + 1), new.last),
      new.most, new.at, new.claimed_by, new.sends;
    update policy_days set users = users + (
      select count(*) from targets as t where ${IN_WAVE} and t.state = 'open' and t.round = 0 and t.unsettled = 0)
    where day = new.day and adds = 1;
  end`,
  view('write_policy_intent', INTENT_COLUMNS),
  `create trigger write_policy_intent_run instead of insert on write_policy_intent begin
    ${NEW_DAY}
    select raise(abort, 'refused') where ${REFUSED};
    update policy_days set adds = ${ADDS} where day = new.day;
    select raise(abort, 'day is full') where exists (
      select 1 from policy_days as d where d.day = new.day and d.adds > 0 and d.users + d.adds > new.most_users);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, attempt, subject, task, service,
      environment, key_slot, at)
    select new.workflow_id, new.run_id, new.activity_id, list.key, new.step, 'intent', new.attempt, list.value, new.task,
      new.service, new.environment, new.key_slot, new.at
    from json_each(new.subjects) as list where true on conflict do nothing;
    update policy_days set users = users + adds where day = new.day;
  end`,
];
