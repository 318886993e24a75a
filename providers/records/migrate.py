"""Applies the SQL of `schemas`: tables once each and in order, everything else again at every migrate.

A function therefore exists once in the repository, and its rights are set again after every change:

1. `tables/*.sql`: our own tables; each file is applied once and never edited afterwards.
2. `products/*.sql`: the products' tables, created where they are missing.
3. `functions/*.sql`: created or replaced. A signature may gain a parameter with a default and changes in no other way.
4. `adopt.sql`: columns and credit functions that a database in the field lacks.
5. `rights.sql`: takes back what PUBLIC may do by default, for functions of the newest version too.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg

from providers.records.base import DatabaseRefused, DatabaseUnavailable

SCHEMAS = Path(__file__).parents[2] / "schemas"

_TABLE = """
create table if not exists darkroom_migrations (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
alter table darkroom_migrations enable row level security;
"""

# Functions call each other and are created in any order.
_BEFORE = "set local check_function_bodies = off"


@dataclass(frozen=True)
class Migration:
    """One file, named by its path below `schemas`.

    Attributes:
        once: Applied once and never edited afterwards; others are applied at every migrate.
    """

    name: str
    text: str
    once: bool

    @property
    def sha256(self) -> str:
        """Checksum of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all files in the order in which they are applied."""
    paths = [
        *sorted(SCHEMAS.glob("tables/*.sql")),
        *sorted(SCHEMAS.glob("products/*.sql")),
        *sorted(SCHEMAS.glob("functions/*.sql")),
        SCHEMAS / "adopt.sql",
        SCHEMAS / "rights.sql",
    ]
    return [
        Migration(path.relative_to(SCHEMAS).as_posix(), path.read_text(), once=path.parent.name == "tables")
        for path in paths
    ]


def script() -> str:
    """Return everything as one text, for databases that are reached through an editor only; it may be run again."""
    files = "\n".join(f"-- {item.name}\n{item.text}" for item in migrations())
    return f"begin;\n{_BEFORE};\n{files}\ncommit;\nnotify pgrst, 'reload schema';\n"


def migrate(dsn: str) -> list[str]:
    """Bring the database up to date in one transaction; return the names of files that were new or had changed.

    Raises:
        DatabaseUnavailable: The database can't be reached.
        DatabaseRefused: The database refused a statement, or an applied table file has changed since.
    """
    try:
        with psycopg.connect(dsn, application_name="darkroom-migrate", connect_timeout=10) as connection:
            # Two that migrate at once would both find nothing applied.
            connection.execute("select pg_advisory_xact_lock(hashtext('darkroom_migrate'))")
            connection.execute(_TABLE)
            connection.execute(_BEFORE)
            before = _applied(connection)
            changed = [item for item in migrations() if before.get(item.name) != item.sha256]
            if edited := [item.name for item in changed if item.once and item.name in before]:
                raise DatabaseRefused(f"changed after it was applied: {', '.join(edited)}")
            for item in migrations():
                if not item.once or item in changed:
                    connection.execute(item.text.encode())
            for item in changed:
                connection.execute(
                    "insert into darkroom_migrations (name, sha256) values (%s, %s)"
                    " on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()",
                    (item.name, item.sha256),
                )
            connection.execute("notify pgrst, 'reload schema'")
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database can't be reached: {type(error).__name__}") from error
    except psycopg.Error as error:
        raise DatabaseRefused(f"the database refused a migration: {error}") from error
    return [item.name for item in changed]


def pending(connection: psycopg.Connection) -> list[str]:
    """Return the names of files that this database does not have yet, or has in another version.

    Raises:
        psycopg.Error: The database can't be asked.
    """
    known = connection.execute("select to_regclass('darkroom_migrations') is not null").fetchone()
    before = _applied(connection) if known and known[0] else {}
    return [item.name for item in migrations() if before.get(item.name) != item.sha256]


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    return dict(connection.execute("select name, sha256 from darkroom_migrations").fetchall())
