"""Supabase's roles, default privileges and storage tables in a database."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from providers.records.migrate import migrate

SETUP = Path(__file__).with_name("setup.sql")
AUTHENTICATOR = "authenticator"


def prepare(database_url: str) -> None:
    """Create missing roles and tables, and apply the migrations; idempotent."""
    with psycopg.connect(database_url) as connection:
        # Roles belong to the server: prevent two databases of one server from creating them concurrently.
        connection.execute("select pg_advisory_xact_lock(hashtext('local_supabase'))")
        connection.execute(SETUP.read_bytes())
    migrate(database_url)  # also grants rights to roles that were created after the tables


def as_authenticator(database_url: str) -> str:
    """Return the database URL for serving, with a role that may only switch to one of the three roles."""
    return make_conninfo(database_url, user=AUTHENTICATOR)
