import { sql } from 'kysely';
import type { Transaction } from 'kysely';
import type { Tables } from '../tables';

/** The columns of each view and the body of its trigger. Lists are JSON, so that any number of rows is one value. */
const WRITES: readonly { name: string; takes: readonly string[]; does: string }[] = [
  {
    name: 'write_sweep_rows',
    takes: ['sweep', 'version', 'rows', 'keys', 'position', 'complete', 'duplicates', 'rejected'],
    does: appendRows(),
  },
  { name: 'write_sweep_fence', takes: ['sweep', 'chunk_id', 'taken_by'], does: takeFence() },
  { name: 'write_sweep_close', takes: ['sweep', 'at'], does: close() },
  {
    name: 'write_sweep_wave',
    takes: ['sweep', 'sweep_id', 'chunk_id', 'fence', 'wave', 'first', 'last', 'most', 'at'],
    does: openWave(),
  },
  {
    name: 'write_sweep_outcomes',
    takes: ['sweep', 'sweep_id', 'chunk_id', 'fence', 'users', 'receipts', 'kinds', 'queue', 'at'],
    does: flushWave(),
  },
  {
    name: 'write_bulk_wave',
    takes: ['sweep', 'sweep_id', 'chunk_id', 'fence', 'wave', 'app', 'step', 'most', 'at'],
    does: openBulk(),
  },
  {
    name: 'write_bulk_outcomes',
    takes: ['sweep', 'sweep_id', 'chunk_id', 'fence', 'app', 'receipt', 'users', 'worst', 'at'],
    does: recordBulk(),
  },
];

/** Creates the views and their triggers. */
export async function createLibsqlWrites(transaction: Transaction<Tables>): Promise<void> {
  for (const { name, takes, does } of WRITES) {
    const columns = takes.map((column) => `null as "${column}"`).join(', ');
    await sql.raw(`create view ${name} as select ${columns} where false`).execute(transaction);
    await sql.raw(`create trigger ${name}_run instead of insert on ${name} begin${does}end`).execute(transaction);
  }
}

/**
 * Recreates the views that record intents, with the additions of 0008-guards.ts: `claimed_by` is the calling run;
 * `sends` is 0 for a call that only records final outcomes.
 */
export async function replaceLibsqlWaves(transaction: Transaction<Tables>): Promise<void> {
  for (const { name, takes, does } of WRITES.filter(
    ({ name }) => name === 'write_sweep_wave' || name === 'write_bulk_wave',
  )) {
    const columns = [...takes, 'claimed_by', 'sends'].map((column) => `null as "${column}"`).join(', ');
    await sql.raw(`drop view ${name}`).execute(transaction);
    await sql.raw(`create view ${name} as select ${columns} where false`).execute(transaction);
    await sql
      .raw(`create trigger ${name}_run instead of insert on ${name} begin${mayBegin()}${does}end`)
      .execute(transaction);
  }
}

/** Recreates the view that appends rows, with the addition of 0013-snapshot-report.ts. */
export async function replaceLibsqlRows(
  transaction: Transaction<Tables>,
  changed: (does: string) => string = (does) => does,
): Promise<void> {
  for (const { name, takes, does } of WRITES.filter(({ name }) => name === 'write_sweep_rows')) {
    const columns = [...takes, 'report'].map((column) => `null as "${column}"`).join(', ');
    const keep = 'update sweeps set snapshot_report = coalesce(new.report, snapshot_report) where number = new.sweep;';
    await sql.raw(`drop view ${name}`).execute(transaction);
    await sql.raw(`create view ${name} as select ${columns} where false`).execute(transaction);
    await sql
      .raw(`create trigger ${name}_run instead of insert on ${name} begin${changed(does)}${keep} end`)
      .execute(transaction);
  }
}

/** Recreates the view that appends rows, with the addition of 0019-row-labels.ts. */
export async function replaceLibsqlLabelledRows(transaction: Transaction<Tables>): Promise<void> {
  const columns = 'bulk_left, some_items)';
  const values = 'r.value->>3\n';
  await replaceLibsqlRows(transaction, (does) =>
    does
      .replace(columns, 'bulk_left, some_items, source_line, reference)')
      .replace(values, 'r.value->>3, r.value->>4, r.value->>5\n'),
  );
}

function mayBegin(): string {
  return `
    select raise(abort, 'refused') where exists (
      select 1 from sweeps as s
      where s.number = new.sweep and (s.claimed_by is not new.claimed_by or s.closed_at is not null or (new.sends <> 0 and (
        (s.needs_approval = 1 and s.approved_at is null) or s.total > s.max_users
          or exists (select 1 from stops where lifted_at is null)))));`;
}

function appendRows(): string {
  return `
    select raise(abort, 'moved') where not exists (
      select 1 from sweeps
      where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select new.sweep, s.total + r.key, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0, r.value->>2, 0,
      r.value->>3
    from json_each(new.rows) as r cross join sweeps as s on s.number = new.sweep;
    insert into target_ids (sweep, seq, ids, subjects)
    select new.sweep, s.total + r.key, r.value->>0, r.value->>1
    from json_each(new.rows) as r cross join sweeps as s on s.number = new.sweep;
    insert into target_keys (sweep, key)
    select new.sweep, k.value from json_each(new.keys) as k where true on conflict do nothing;
    update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = new.position,
      snapshot_complete = new.complete, total = total + json_array_length(new.rows),
      duplicates = duplicates + new.duplicates, rejected = rejected + new.rejected
    where number = new.sweep;
  `;
}

function takeFence(): string {
  return `
    select raise(abort, 'closed') where not exists (
      select 1 from sweeps where number = new.sweep and closed_at is null);
    update sweeps set last_fence = last_fence + 1 where number = new.sweep;
    insert into sweep_chunks (sweep, chunk_id, fence, taken_by)
    select new.sweep, new.chunk_id, last_fence, new.taken_by from sweeps where number = new.sweep
    on conflict (sweep, chunk_id) do update set fence = excluded.fence, taken_by = excluded.taken_by;
  `;
}

function close(): string {
  return `
    update sweeps set closed_at = coalesce(closed_at, new.at), last_fence = last_fence + 1 where number = new.sweep;
    update sweep_chunks set fence = (select last_fence from sweeps where number = new.sweep), taken_by = ''
    where sweep = new.sweep;
  `;
}

function fenceHolds(): string {
  return `
    select raise(abort, 'fenced') where not exists (
      select 1 from sweep_chunks where sweep = new.sweep and chunk_id = new.chunk_id and fence = new.fence);`;
}

/** Idempotent for the same wave: the check for rows that it already opened runs before any row is changed. */
function openWave(): string {
  const opened = `targets.sweep = new.sweep and targets.seq between new.first and new.last
      and targets.state = 'open' and targets.fence = new.fence and targets.wave = new.wave`;
  // Usually there is no hold at all, so that is checked first, once for all rows.
  const isHeld = `exists (select 1 from holds) and exists (
      select 1 from json_each(i.subjects) as s join holds as h on h.subject = s.value)`;
  return `${fenceHolds()}
    update targets set state = 'open', fence = new.fence, wave = new.wave, intent_at = new.at,
      unsettled = case state when 'open' then 1 else unsettled end
    where sweep = new.sweep and seq in (
      select c.seq from targets as c
      where c.sweep = new.sweep and c.seq between new.first and new.last
        and ((c.state = 'open' and c.fence <> new.fence)
          or (c.state = 'pending' and (c.not_before is null or c.not_before <= new.at)))
        and not exists (
          select 1 from targets as o
          where o.sweep = new.sweep and o.seq between new.first and new.last
            and o.fence = new.fence and o.wave = new.wave)
      order by case c.state when 'open' then 0 else 1 end, c.seq
      limit new.most);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, outcome, reason, at)
    select new.sweep_id, '', '', targets.seq, 'hold', 'settled', targets.round, 1, new.sweep_id, i.subjects->>0,
      'offboardUsers', 'http-tasks', '', case targets.unsettled when 0 then 'held' else 'unknown' end,
      case targets.unsettled when 0 then null else 'heldBeforeItWasSettled' end, new.at
    from targets join target_ids as i on i.sweep = targets.sweep and i.seq = targets.seq
    where ${opened} and ${isHeld}
    on conflict do nothing;
    update targets set state = 'done', worst = case unsettled when 0 then 4 else 2 end
    where ${opened} and exists (
      select 1 from target_ids as i where i.sweep = targets.sweep and i.seq = targets.seq and ${isHeld});
  `;
}

/**
 * Writes only for users who are still open under this fence and in this round; what was written before is kept.
 *
 * Reading values out of JSON costs the most, so values that many receipts share are passed once, as their kind.
 *
 * Changes the targets with an INSERT whose rows all exist: for UPDATE … FROM the planner would scan all targets of the
 * sweep and search the list for each, and the join order can be forced only in a SELECT (cross join).
 */
function flushWave(): string {
  const stillOpen = (row: string) => `t.sweep = new.sweep and t.seq = ${row}.value->>0 and t.round = ${row}.value->>1
        and t.state = 'open' and t.fence = new.fence`;
  return `${fenceHolds()}
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, reason, failure_type, status, code, request_id, token, items, at)
    select new.sweep_id, '', '', t.seq, k.step, k.phase, t.round, k.attempt, new.sweep_id, r.value->>3, k.task, k.service,
      k.environment, k.key_slot, k.outcome, k.reason, k.failure_type, k.status, k.code, r.value->>4, r.value->>5,
      r.value->>6, new.at
    from json_each(new.receipts) as r cross join targets as t on ${stillOpen('r')}
      cross join (
        select key as kind, value->>0 as step, value->>1 as phase, value->>2 as attempt, value->>3 as task,
          value->>4 as service, value->>5 as environment, value->>6 as key_slot, value->>7 as outcome,
          value->>8 as reason, value->>9 as failure_type, value->>10 as status, value->>11 as code
        from json_each(new.kinds) limit -1
      ) as k on k.kind = r.value->>2
    where true on conflict do nothing;
    insert into bulk_queue (sweep, app, seq, unsettled)
    select new.sweep, q.value->>2, t.seq, 0 from json_each(new.queue) as q cross join targets as t on ${stillOpen('q')}
    where true on conflict do nothing;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, not_before)
    select t.sweep, t.seq, u.value->>2, t.round + (u.value->>2 = 'pending'), u.value->>6, u.value->>3, u.value->>4,
      t.some_items, u.value->>5
    from json_each(new.users) as u cross join targets as t on ${stillOpen('u')}
    where true on conflict (sweep, seq) do update set state = excluded.state, round = excluded.round,
      unsettled = excluded.unsettled, worst = excluded.worst, bulk_left = excluded.bulk_left,
      not_before = excluded.not_before;
  `;
}

/** Removes one app from those the user waits for. With none left, the user is done. */
function takeOff(worst: string, from: string, where: string): string {
  return `insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items)
    select t.sweep, t.seq, case when t.bulk_left <= 1 then 'done' else 'bulk' end, t.round, t.unsettled, ${worst},
      t.bulk_left - 1, t.some_items
    from ${from} cross join targets as t on t.sweep = q.sweep and t.seq = q.seq
    where ${where}
    on conflict (sweep, seq) do update set state = excluded.state, worst = excluded.worst, bulk_left = excluded.bulk_left;`;
}

function openBulk(): string {
  const opened = `q.sweep = new.sweep and q.app = new.app and q.fence = new.fence and q.wave = new.wave`;
  const held = `${opened} and exists (select 1 from holds) and exists (
      select 1 from target_ids as i cross join json_each(i.subjects) as s join holds as h on h.subject = s.value
      where i.sweep = q.sweep and i.seq = q.seq)`;
  return `${fenceHolds()}
    update bulk_queue set fence = new.fence, wave = new.wave, intent_at = new.at,
      unsettled = case when fence is null then 0 else 1 end
    where sweep = new.sweep and app = new.app and seq in (
      select c.seq from bulk_queue as c
      where c.sweep = new.sweep and c.app = new.app and (c.fence is null or c.fence <> new.fence)
        and not exists (select 1 from bulk_queue as q where ${opened})
      order by c.seq limit new.most);
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, outcome, reason, at)
    select new.sweep_id, '', '', t.seq, new.step, 'settled', t.round, 1, new.sweep_id, d.subjects->>0, 'offboardUsers',
      'http-tasks', '', case q.unsettled when 0 then 'held' else 'unknown' end,
      case q.unsettled when 0 then null else 'heldBeforeItWasSettled' end, new.at
    from bulk_queue as q join targets as t on t.sweep = q.sweep and t.seq = q.seq
      join target_ids as d on d.sweep = q.sweep and d.seq = q.seq
    where ${held}
    on conflict do nothing;
    ${takeOff('min(coalesce(t.worst, 99), case q.unsettled when 0 then 4 else 2 end)', `bulk_queue as q`, held)}
    delete from bulk_queue where sweep = new.sweep and app = new.app and seq in (
      select q.seq from bulk_queue as q where ${held});
  `;
}

/** Writes only for users who are still in this fence's call. */
function recordBulk(): string {
  const stillOpen = 'q.sweep = new.sweep and q.app = new.app and q.seq = u.value->>0 and q.fence = new.fence';
  return `${fenceHolds()}
    insert into receipts (workflow_id, run_id, activity_id, seq, step, phase, round, attempt, sweep_id, subject, task,
      service, environment, key_slot, outcome, failure_type, status, code, request_id, token, reason, at)
    select new.sweep_id, '', '', t.seq, new.receipt->>0, 'settled', t.round, 1, new.sweep_id, u.value->>1,
      new.receipt->>1, new.receipt->>2, new.receipt->>3, new.receipt->>4, new.receipt->>5, new.receipt->>6,
      new.receipt->>7, new.receipt->>8, new.receipt->>9, new.receipt->>10, new.receipt->>11, new.at
    from json_each(new.users) as u cross join bulk_queue as q on ${stillOpen}
      join targets as t on t.sweep = q.sweep and t.seq = q.seq
    where true on conflict do nothing;
    ${takeOff('min(coalesce(t.worst, 99), new.worst)', 'json_each(new.users) as u cross join bulk_queue as q', stillOpen)}
    delete from bulk_queue where sweep = new.sweep and app = new.app and fence = new.fence
      and seq in (select u.value->>0 from json_each(new.users) as u);
  `;
}
