#!/bin/sh
# Makes the files of deploy/compose.yaml's secrets that can be made up: passwords, the URLs that contain them, and keys.
# A file that exists is left alone. The folder is for its owner only; the files in it are readable for all, because the
# containers read them as other users. Keys of Plaid and Batch are yours to add: plaid_client_id, plaid_secret,
# batch_rest_api_key, batch_api_keys.
set -eu
set +x
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"

# make FILE TEXT: never over a file, and never half of one.
make() {
  if [ -e "$folder/$1" ]; then return 0; fi
  printf '%s\n' "$2" > "$folder/$1.new"
  chmod 444 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
  echo "made $folder/$1"
}

password() {
  openssl rand -hex 24
}

for name in postgres_password temporal_password ledger_owner_password ledger_worker_password ledger_auditor_password; do
  value=$(password)
  make "$name" "$value"
done
for user in owner:http_tasks_migrate worker:http_tasks_worker; do
  value=$(cat "$folder/ledger_${user%%:*}_password")
  make "ledger_${user%%:*}_url" "postgres://${user#*:}:$value@postgres:5432/http_tasks"
done
for name in subject_key encryption_key; do
  value=$(openssl rand -base64 32)
  make "$name" "$value"
done
