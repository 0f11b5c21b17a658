#!/bin/sh
# Temporal's image takes its database's password from the environment only, not from a file. So it is read here, inside the
# container, and is neither in the Compose file nor in what `docker inspect` shows.
set -eu
set +x
POSTGRES_PWD=$(cat /run/secrets/temporal_password)
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh autosetup
