-- What people know each user of a sweep by: the line of the source and the user's own reference. A reference stays
-- when the IDs are deleted, encrypted under a key derived from the subject key. Both columns are null for sweeps of
-- earlier versions, and for rows that a worker of the previous version appends.

alter table "targets" add column "source_line" integer;

alter table "targets" add column "reference" text;

create or replace function ledger_sweep_rows(p_sweep integer, p_version integer, p_rows jsonb, p_keys jsonb,
  p_position text, p_complete integer, p_duplicates integer, p_rejected integer
) returns void language plpgsql volatile as $$
  declare
    v_first integer;
  begin
    select total into v_first from sweeps
    where number = p_sweep and snapshot_version = p_version and snapshot_complete = 0 and closed_at is null
    for update;
    if not found then raise exception 'moved' using errcode = 'HT003'; end if;
    insert into targets (sweep, seq, state, round, unsettled, worst, bulk_left, some_items, source_line, reference)
    select p_sweep, v_first + r.place - 1, case when r.value->>2 is null then 'pending' else 'done' end, 0, 0,
      (r.value->>2)::integer, 0, (r.value->>3)::integer, (r.value->>4)::integer, r.value->>5
    from jsonb_array_elements(p_rows) with ordinality as r (value, place);
    insert into target_ids (sweep, seq, ids, subjects)
    select p_sweep, v_first + r.place - 1, r.value->>0, r.value->>1
    from jsonb_array_elements(p_rows) with ordinality as r (value, place);
    insert into target_keys (sweep, key)
    select p_sweep, k.value from jsonb_array_elements_text(p_keys) as k (value) on conflict do nothing;
    update sweeps set snapshot_version = snapshot_version + 1, snapshot_position = p_position,
      snapshot_complete = p_complete, total = total + jsonb_array_length(p_rows),
      duplicates = duplicates + p_duplicates, rejected = rejected + p_rejected
    where number = p_sweep;
  end $$;
