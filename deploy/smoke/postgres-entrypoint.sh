#!/bin/sh
# Creates the cluster and the database at the first start, as the official image does, then executes the server.
set -eu
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
fi
if [ ! -e "$PGDATA/made" ]; then
  find "$PGDATA" -mindepth 1 -delete # remove the files of an interrupted start
  (umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password)
  initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth scram-sha-256 --encoding UTF8 >/dev/null
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  # Accept no TCP connection before the database exists.
  export PGPASSWORD="$POSTGRES_PASSWORD"
  pg_ctl --silent --wait --options "-c listen_addresses=''" start >/dev/null
  createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --silent --wait stop >/dev/null
  unset PGPASSWORD
  rm /tmp/password
  touch "$PGDATA/made"
fi
unset POSTGRES_PASSWORD
exec "$@" -c listen_addresses='*'
