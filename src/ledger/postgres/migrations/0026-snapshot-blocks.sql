-- Blocks of a source are written with less work for each row.
--
-- - The keys by which duplicates are found are random. They are written as one text for each block, by the version of the
--   snapshot to which it is appended, and moved to target_keys later, many at a time; see sweeps/known-keys.ts.
-- - References are encrypted for several users together, and no longer in targets; see sweeps/references.ts.
--
-- A worker of the previous version still appends with ledger_sweep_rows, and finds no duplicates of the new blocks; what it
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
);

-- The lists of the rows and of the references are texts with spaces between their values; `-` is null. A reference is the
-- number of its first user and a text.
create function ledger_sweep_block(p_sweep integer, p_version integer, p_ids text, p_subjects text, p_worst text,
  p_some_items text, p_lines text, p_keys text, p_names text, p_position text, p_complete integer, p_duplicates integer,
  p_rejected integer, p_report text
) returns void language plpgsql volatile as $$
  declare
    v_first integer;
    v_rows integer;
    v_names text[] = string_to_array(p_names, ' ');
  begin
    select total into v_first from sweeps
    where number = p_sweep and snapshot_version = p_version and snapshot_complete = 0 and closed_at is null
    for update;
    if not found then raise exception 'moved' using errcode = 'HT003'; end if;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line)
    select p_sweep, v_first + r.place - 1, case when r.worst is null then 'pending' else 'done' end, 0, 0,
      r.worst::integer, 0, r.some_items::integer, r.line::integer
    from unnest(string_to_array(p_worst, ' ', '-'), string_to_array(p_some_items, ' '), string_to_array(p_lines, ' ', '-'))
      with ordinality as r (worst, some_items, line, place);
    get diagnostics v_rows = row_count;
    insert into target_ids (sweep, seq, ids, subjects)
    select p_sweep, v_first + r.place - 1, r.ids, r.subjects
    from unnest(string_to_array(p_ids, ' '), string_to_array(p_subjects, ' ')) with ordinality as r (ids, subjects, place);
    insert into target_key_blocks (sweep, version, keys) select p_sweep, p_version, p_keys where p_keys <> '';
    insert into target_references (sweep, first, names)
    select p_sweep, v_names[2 * n - 1]::integer, v_names[2 * n] from generate_series(1, cardinality(v_names) / 2) as n;
    update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = p_position,
      snapshot_complete = p_complete, total = total + v_rows,
      duplicates = duplicates + p_duplicates, rejected = rejected + p_rejected,
      snapshot_report = coalesce(p_report, snapshot_report)
    where number = p_sweep;
  end $$;
