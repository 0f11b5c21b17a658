#!/bin/sh
# Creates the databases and users of deploy/compose.yaml, with passwords from the files of its secrets:
#   temporal                                   owns the databases temporal and temporal_visibility
#   http_tasks_migrate, _worker, _auditor      the roles of roles.sql in the database http_tasks
# None of them is a superuser, and none may connect to a database of another. It may be repeated: Compose runs it at every
# `up`, before and after the ledger is migrated, so that changed passwords and grants on new tables take effect.
set -eu
# Otherwise `set -x` of a caller would print passwords.
set +x
secrets=${SECRETS_DIR:-/run/secrets}
roles=${ROLES_SQL:-/etc/http-tasks/roles.sql}

# Prints a secret. An empty one would be a user without a password.
secret() {
  value=$(cat "$secrets/$1")
  if [ -z "$value" ]; then
    echo "setup.sh: the secret $1 is empty; see docs/deployment.md, Compose." >&2
    return 1
  fi
  printf '%s' "$value"
}

PGPASSWORD=$(secret postgres_password)
TEMPORAL_PASSWORD=$(secret temporal_password)
MIGRATE_PASSWORD=$(secret ledger_owner_password)
WORKER_PASSWORD=$(secret ledger_worker_password)
AUDITOR_PASSWORD=$(secret ledger_auditor_password)
export PGPASSWORD TEMPORAL_PASSWORD MIGRATE_PASSWORD WORKER_PASSWORD AUDITOR_PASSWORD

# The server keeps statements that fail in its log; these contain passwords.
PGOPTIONS='-c log_min_error_statement=panic -c log_statement=none -c log_min_duration_statement=-1'
export PGOPTIONS

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres <<'SQL'
\getenv temporal_password TEMPORAL_PASSWORD
SELECT 'CREATE ROLE temporal LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'temporal') \gexec
ALTER ROLE temporal NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'temporal_password';
SELECT format('CREATE DATABASE %I OWNER temporal', name) FROM unnest(ARRAY['temporal', 'temporal_visibility']) AS name
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
SELECT 'CREATE DATABASE http_tasks' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'http_tasks') \gexec
REVOKE ALL ON DATABASE postgres, temporal, temporal_visibility, http_tasks FROM PUBLIC;
SQL

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname http_tasks --file "$roles"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname http_tasks <<'SQL'
\getenv migrate_password MIGRATE_PASSWORD
\getenv worker_password WORKER_PASSWORD
\getenv auditor_password AUDITOR_PASSWORD
ALTER ROLE http_tasks_migrate PASSWORD :'migrate_password';
ALTER ROLE http_tasks_worker PASSWORD :'worker_password';
ALTER ROLE http_tasks_auditor PASSWORD :'auditor_password';
GRANT CONNECT ON DATABASE http_tasks TO http_tasks_migrate, http_tasks_worker, http_tasks_auditor;
SQL
