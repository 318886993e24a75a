"""The database as Supabase sets it up: its roles, its default privileges, its storage tables."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from providers.records.migrate import migrate

SETUP = Path(__file__).with_name("setup.sql")
AUTHENTICATOR = "authenticator"


def prepare(database_url: str) -> None:
    """Make what is missing and apply the migrations; doing it again changes nothing."""
    with psycopg.connect(database_url) as connection:
        # Roles belong to the whole server: two databases of one server must not make them at once.
        connection.execute("select pg_advisory_xact_lock(hashtext('local_supabase'))")
        connection.execute(SETUP.read_bytes())
    migrate(database_url)  # also gives the roles their rights where the tables were there before the roles


def as_authenticator(database_url: str) -> str:
    """The address for serving: a role that may do nothing but become one of the three."""
    return make_conninfo(database_url, user=AUTHENTICATOR)
