"""Apply the SQL files of `schemas`: table files once each, in order; all other files at every migration.

A function is defined in exactly one file, and its rights are set again after every change:

1. `tables/*.sql`: Darkroom's own tables. Each file is applied once and not edited after a release.
2. `functions/*.sql`: created or replaced. The table file that changes a signature drops the previous one.
3. `choose_products.sql`: decides which products are migrated, while the database has only tables of earlier migrations.
4. `products/*.sql`: the tables of these products, created if missing.
5. `adopt.sql`: columns and credit functions that a database with product tables of its own lacks.
6. `rights.sql`: revokes the default rights of PUBLIC, also on functions that this version added.

Indexes on product tables follow after the transaction, so that their creation does not block writers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import psycopg

from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.indexes import create_indexes
from schemas.common import Product

SCHEMAS = Path(__file__).parents[2] / "schemas"

_TABLE = """
create table if not exists darkroom_migrations (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);
alter table darkroom_migrations enable row level security;
"""

# Functions call each other and are created in any order. `choose_products.sql` reads the other setting.
_BEFORE = "set local check_function_bodies = off; set local darkroom.requested_products = '{products}'"

_INDEXES = """
-- Then, for large tables, execute each statement that this query returns, one at a time and outside of a transaction:
select statement from darkroom_missing_indexes();
"""


@dataclass(frozen=True)
class Migration:
    """One SQL file, named by its path below `schemas`.

    Attributes:
        once: Whether the file is applied once only; other files are applied at every migration.
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
        *sorted(SCHEMAS.glob("functions/*.sql")),
        SCHEMAS / "choose_products.sql",
        *sorted(SCHEMAS.glob("products/*.sql")),
        SCHEMAS / "adopt.sql",
        SCHEMAS / "rights.sql",
    ]
    return [
        Migration(path.relative_to(SCHEMAS).as_posix(), path.read_text(), once=path.parent.name == "tables")
        for path in paths
    ]


def script(products: Collection[Product] | None = None) -> str:
    """Return all files as one script for a SQL editor. The script can be run again.

    Args:
        products: As for `migrate`.
    """
    files = "\n".join(f"-- {item.name}\n{item.text}" for item in migrations())
    return f"begin;\n{_before(products)};\n{files}\ncommit;\nnotify pgrst, 'reload schema';\n{_INDEXES}"


def migrate(dsn: str, products: Collection[Product] | None = None) -> list[str]:
    """Bring the database up to date in one transaction; return the names of the files that were new or had changed.

    Missing indexes on product tables are created afterwards.

    Args:
        dsn: `postgresql://…`.
        products: The products whose tables are created and completed (PRODUCTS). None chooses the products whose
            tables the database has, or all products if it has none of them.

    Raises:
        DatabaseUnavailable: The database can't be reached.
        DatabaseRefused: The database refused a statement, or an applied table file has changed since.
    """
    try:
        with psycopg.connect(dsn, application_name="darkroom-migrate", connect_timeout=10) as connection:
            # Without the lock, two concurrent migrations would both find that nothing is applied.
            connection.execute("select pg_advisory_xact_lock(hashtext('darkroom_migrate'))")
            connection.execute(_TABLE)
            connection.execute(_before(products).encode())
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
        with psycopg.connect(
            dsn, application_name="darkroom-migrate", connect_timeout=10, autocommit=True
        ) as connection:
            create_indexes(connection)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database can't be reached: {type(error).__name__}") from error
    except psycopg.Error as error:
        raise DatabaseRefused(f"the database refused a migration: {error}") from error
    return [item.name for item in changed]


def pending(connection: psycopg.Connection) -> list[str]:
    """Return the names of files that were not applied to this database, or were applied in another version.

    Raises:
        psycopg.Error: The query failed.
    """
    known = connection.execute("select to_regclass('darkroom_migrations') is not null").fetchone()
    before = _applied(connection) if known and known[0] else {}
    return [item.name for item in migrations() if before.get(item.name) != item.sha256]


def _before(products: Collection[Product] | None) -> str:
    return _BEFORE.format(products=",".join(products or ()))


def _applied(connection: psycopg.Connection) -> dict[str, str]:
    return dict(connection.execute("select name, sha256 from darkroom_migrations").fetchall())
