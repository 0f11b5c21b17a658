-- What people know each user of a sweep by: the line of the source and the user's own reference. A reference stays
-- when the IDs are deleted, encrypted under a key derived from the subject key. Both columns are null for sweeps of
-- earlier versions, and for rows that a worker of the previous version appends.

alter table "targets" add column "source_line" integer;

alter table "targets" add column "reference" text;

drop view write_sweep_rows;

create view write_sweep_rows as select
  null as "sweep", null as "version", null as "rows", null as "keys", null as "position", null as "complete",
  null as "duplicates", null as "rejected", null as "report"
where false;

create trigger write_sweep_rows_run instead of insert on write_sweep_rows begin
    select raise(abort, 'moved') where not exists (
      select 1 from sweeps
      where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line, reference)
    select new.sweep, s.total + r.key, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0, r.value->>2, 0,
      r.value->>3, r.value->>4, r.value->>5
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
  update sweeps set snapshot_report = coalesce(new.report, snapshot_report) where number = new.sweep; end;
