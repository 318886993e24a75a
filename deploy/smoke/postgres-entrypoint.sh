#!/bin/sh
# Makes the cluster and the database on first start, as the official image does, then becomes the server.
set -eu
if [ ! -e "$PGDATA/made" ]; then
  find "$PGDATA" -mindepth 1 -delete # what an interrupted start left
  initdb --username "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" --auth scram-sha-256 --encoding UTF8 >/dev/null
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  # Until the database is there, nobody gets in.
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
  pg_ctl --silent --wait --options "-c listen_addresses=''" start >/dev/null
  createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --silent --wait stop >/dev/null
  unset PGPASSWORD
  touch "$PGDATA/made"
fi
exec "$@" -c listen_addresses='*'
