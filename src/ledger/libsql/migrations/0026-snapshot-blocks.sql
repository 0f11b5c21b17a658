-- Blocks of a source are written with less work for each row.
--
-- - The keys by which duplicates are found are random. They are written as one text for each block, by the version of the
--   snapshot to which it is appended, and moved to target_keys later, many at a time; see sweeps/known-keys.ts.
-- - References are encrypted for several users together, and no longer in targets; see sweeps/references.ts.
--
-- A worker of the previous version still appends with write_sweep_rows, and finds no duplicates of the new blocks; what it
-- offboards again has no data any more.

create table "target_key_blocks" (
  "sweep" integer not null,
  "version" integer not null,
  "keys" text not null,
  constraint "target_key_blocks_key" primary key ("sweep", "version")
);

create table "target_references" (
  "sweep" integer not null,
  "first" integer not null,
  "names" text not null,
  constraint "target_references_key" primary key ("sweep", "first")
) without rowid;

create view write_sweep_block as select
  null as "sweep", null as "version", null as "rows", null as "keys", null as "names", null as "position",
  null as "complete", null as "duplicates", null as "rejected", null as "report"
where false;

-- Each row is [ids, subjects, worst, some_items, source_line], each name [first, names].
create trigger write_sweep_block_run instead of insert on write_sweep_block begin
  select raise(abort, 'moved') where not exists (
    select 1 from sweeps
    where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
  insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line)
  select new.sweep, s.total + r.key, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0, r.value->>2, 0,
    r.value->>3, r.value->>4
  from json_each(new.rows) as r cross join sweeps as s on s.number = new.sweep;
  insert into target_ids (sweep, seq, ids, subjects)
  select new.sweep, s.total + r.key, r.value->>0, r.value->>1
  from json_each(new.rows) as r cross join sweeps as s on s.number = new.sweep;
  insert into target_key_blocks (sweep, version, keys) select new.sweep, new.version, new.keys where new.keys <> '';
  insert into target_references (sweep, first, names)
  select new.sweep, n.value->>0, n.value->>1 from json_each(new.names) as n;
  update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = new.position,
    snapshot_complete = new.complete, total = total + json_array_length(new.rows),
    duplicates = duplicates + new.duplicates, rejected = rejected + new.rejected,
    snapshot_report = coalesce(new.report, snapshot_report)
  where number = new.sweep;
end;
