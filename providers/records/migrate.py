"""Applies `schemas/migrations/*.sql`, once each, in order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg

from providers.records.base import DatabaseRefused, DatabaseUnavailable

MIGRATIONS = Path(__file__).parents[2] / "schemas" / "migrations"

_TABLE = """
create table if not exists darkroom_migrations (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True)
class Migration:
    """One file; `sha256` of its text, so that a file changed after it was applied is noticed."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Checksum of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations, in order."""
    return [Migration(path.name, path.read_text()) for path in sorted(MIGRATIONS.glob("*.sql"))]


def script() -> str:
    """All migrations as one text, for databases that are reached through an editor only."""
    return "\n".join(f"-- {item.name}\n{item.text}" for item in migrations()) + "\nnotify pgrst, 'reload schema';\n"


def migrate(dsn: str) -> list[str]:
    """Apply what is missing, all in one transaction; returns the names of what was applied.

    Raises:
        DatabaseUnavailable: The database can't be reached.
        DatabaseRefused: The database refused a statement, or an applied file has changed since.
    """
    try:
        with psycopg.connect(dsn, application_name="darkroom-migrate", connect_timeout=10) as connection:
            # Two that migrate at once would both find nothing applied.
            connection.execute("select pg_advisory_xact_lock(hashtext('darkroom_migrate'))")
            connection.execute(_TABLE)
            connection.execute("alter table darkroom_migrations enable row level security")
            applied = _missing(connection)
            for item in applied:
                connection.execute(item.text.encode())
                connection.execute(
                    "insert into darkroom_migrations (name, sha256) values (%s, %s)", (item.name, item.sha256)
                )
            connection.execute("notify pgrst, 'reload schema'")
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database can't be reached: {type(error).__name__}") from error
    except psycopg.Error as error:
        raise DatabaseRefused(f"the database refused a migration: {error}") from error
    return [item.name for item in applied]


def _missing(connection: psycopg.Connection) -> list[Migration]:
    done: dict[str, str] = dict(connection.execute("select name, sha256 from darkroom_migrations").fetchall())
    changed = [item.name for item in migrations() if done.get(item.name, item.sha256) != item.sha256]
    if changed:
        raise DatabaseRefused(f"changed after it was applied: {', '.join(changed)}")
    return [item for item in migrations() if item.name not in done]
