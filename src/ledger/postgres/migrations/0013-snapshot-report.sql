-- What is known about a sweep's source besides its numbers of rows: columns, the first rejected rows, warnings. The
-- statement that appends a block of rows also writes it, so that a resumed reading continues it. The function with
-- one argument less is kept for workers of the previous version.

alter table "sweeps" add column "snapshot_report" text;

create function ledger_sweep_rows(p_sweep integer, p_version integer, p_rows jsonb, p_keys jsonb, p_position text,
  p_complete integer, p_duplicates integer, p_rejected integer, p_report text
) returns void language plpgsql volatile as $$
  begin
    perform ledger_sweep_rows(p_sweep, p_version, p_rows, p_keys, p_position, p_complete, p_duplicates, p_rejected);
    update sweeps set snapshot_report = coalesce(p_report, snapshot_report) where number = p_sweep;
  end $$;
