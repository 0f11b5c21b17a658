-- Blocks of a source are read by the database with less work for each row: a user is one text, where JSON arrays inside the
-- array of all users had to be parsed again for each of their values.

drop view write_sweep_block;

create view write_sweep_block as select
  null as "sweep", null as "version", null as "users", null as "marks", null as "keys", null as "names", null as "position",
  null as "complete", null as "duplicates", null as "rejected", null as "report"
where false;

-- Each user is a text `SUBJECTS IDS` with commas between the subjects, each name [first, names]. A mark is the line of a
-- user's row, or [worst, some_items, source_line] of a user who is left out or has only some items.
create trigger write_sweep_block_run instead of insert on write_sweep_block begin
  select raise(abort, 'moved') where not exists (
    select 1 from sweeps
    where number = new.sweep and snapshot_version = new.version and snapshot_complete = 0 and closed_at is null);
  insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line)
  select new.sweep, s.total + m.key, case when m.type = 'array' and m.value->>0 is not null then 'done' else 'pending' end,
    0, 0, case m.type when 'array' then m.value->>0 end, 0, case m.type when 'array' then m.value->>1 else 0 end,
    case m.type when 'array' then m.value->>2 else m.value end
  from json_each(new.marks) as m cross join sweeps as s on s.number = new.sweep;
  insert into target_ids (sweep, seq, ids, subjects)
  select new.sweep, s.total + u.key, substr(u.value, instr(u.value, ' ') + 1),
    '["' || replace(substr(u.value, 1, instr(u.value, ' ') - 1), ',', '","') || '"]'
  from json_each(new.users) as u cross join sweeps as s on s.number = new.sweep;
  insert into target_key_blocks (sweep, version, keys) select new.sweep, new.version, new.keys where new.keys <> '';
  insert into target_references (sweep, first, names)
  select new.sweep, n.value->>0, n.value->>1 from json_each(new.names) as n;
  update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = new.position,
    snapshot_complete = new.complete, total = total + json_array_length(new.users),
    duplicates = duplicates + new.duplicates, rejected = rejected + new.rejected,
    snapshot_report = coalesce(new.report, snapshot_report)
  where number = new.sweep;
end;
