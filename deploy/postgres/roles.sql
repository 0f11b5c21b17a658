-- Separate rights on a ledger in Postgres: who owns it, who works with it, who only reads it.
--
-- Run it in the ledger's database as a superuser or as a role that may create roles:
--   1. once before the first worker, with an empty database,
--   2. then let the owner create the tables: `http-tasks ledger migrate` with the HTTP_TASKS_LEDGER_URL of http_tasks_migrate,
--   3. then run this file again, and again after each upgrade that adds tables. It may be repeated freely.
-- Passwords are set separately, so that none is in a file: ALTER ROLE http_tasks_worker PASSWORD '…', or \password in psql.
-- setup.sh in this folder does both for deploy/compose.yaml.
--
-- Workers and commands connect as http_tasks_worker. They find the schema up to date and change nothing of it; with an
-- older schema they refuse to start and name the command of step 2.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'http_tasks_migrate') THEN CREATE ROLE http_tasks_migrate LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'http_tasks_worker') THEN CREATE ROLE http_tasks_worker LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'http_tasks_auditor') THEN CREATE ROLE http_tasks_auditor LOGIN; END IF;
END
$$;

ALTER ROLE http_tasks_migrate NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER ROLE http_tasks_worker NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER ROLE http_tasks_auditor NOSUPERUSER NOCREATEDB NOCREATEROLE;
ALTER ROLE http_tasks_auditor SET default_transaction_read_only = on;

-- No rights for PUBLIC. Only the owner may make, change and drop tables, functions and triggers.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO http_tasks_migrate;
GRANT USAGE ON SCHEMA public TO http_tasks_worker, http_tasks_auditor;

-- What a worker writes: rows. TRUNCATE, REFERENCES and TRIGGER are left out.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO http_tasks_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO http_tasks_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO http_tasks_worker;

-- An auditor reads receipts, holds and sweeps. IDs of sweeps' users are encrypted in it; nobody reads them without the
-- subject key.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO http_tasks_auditor;

-- Receipts, what is sealed, the log, its checkpoints, the log of holds and the list of migrations are written once. A stop is lifted, not deleted.
DO $$
DECLARE
  written_once text;
BEGIN
  FOREACH written_once IN ARRAY ARRAY['ledger_migrations', 'receipts', 'compensation_log', 'sealed_leaves', 'hold_log', 'policy_log', 'sweep_approvals', 'log_leaves',
    'log_checkpoints', 'purged_hashes', 'sealed_hashes'] LOOP
    IF to_regclass('public.' || written_once) IS NOT NULL THEN
      EXECUTE format('REVOKE UPDATE, DELETE ON public.%I FROM http_tasks_worker', written_once);
    END IF;
  END LOOP;
  IF to_regclass('public.ledger_migrations') IS NOT NULL THEN
    REVOKE INSERT ON public.ledger_migrations FROM http_tasks_worker;
  END IF;
  IF to_regclass('public.stops') IS NOT NULL THEN
    REVOKE DELETE ON public.stops FROM http_tasks_worker;
  END IF;
END
$$;

-- Tables that a later version adds get the same rights when its owner makes them.
ALTER DEFAULT PRIVILEGES FOR ROLE http_tasks_migrate IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO http_tasks_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE http_tasks_migrate IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO http_tasks_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE http_tasks_migrate IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO http_tasks_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE http_tasks_migrate IN SCHEMA public GRANT SELECT ON TABLES TO http_tasks_auditor;
