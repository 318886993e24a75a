"""Indexes on product tables: created where they are missing, and named where they can't be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from structlog.testing import capture_logs

from commands.check_supabase import check_database
from providers.records.indexes import create_indexes
from providers.records.migrate import migrate, script

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "darkroom_generation_sessions_status_created_at"
LABEL = "generation_sessions (status, created_at)"


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database in which one index is missing."""
    with psycopg.connect(database_url, autocommit=True) as opened:
        opened.execute(sql.SQL("drop index if exists {}").format(sql.Identifier(NAME)))
        yield opened


def missing(connection: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in connection.execute("select label from darkroom_missing_indexes()").fetchall()]


async def test_check_names_a_missing_index_and_migrate_creates_it(
    connection: psycopg.Connection[Any], database_url: str
) -> None:
    found = {row.name: row for row in await check_database(database_url, products=None, timeout_s=10)}
    assert (found["database indexes"].ok, found["database indexes"].risk) == (True, True)
    assert LABEL in found["database indexes"].detail
    migrate(database_url)
    assert missing(connection) == []
    found = {row.name: row for row in await check_database(database_url, products=None, timeout_s=10)}
    assert not found["database indexes"].risk


def test_an_index_that_an_interrupted_creation_left_is_replaced(connection: psycopg.Connection[Any]) -> None:
    for user in ("a", "b"):
        connection.execute(
            "insert into generation_sessions (user_id, status, created_at) values (%s, 'queued', 'epoch')", [user]
        )
    create = sql.SQL("create unique index concurrently {} on generation_sessions (status, created_at)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(create.format(sql.Identifier(NAME)))
    assert missing(connection) == [LABEL]
    create_indexes(connection)
    assert missing(connection) == []


def test_an_index_of_the_same_columns_under_another_name_will_do(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create index theirs on generation_sessions (status, created_at desc, user_id)")
    assert missing(connection) == []
    connection.execute("drop index theirs")
    connection.execute("create index theirs on generation_sessions (created_at, status)")
    assert missing(connection) == [LABEL]
    connection.execute("drop index theirs")


def test_an_index_that_the_database_refuses_is_logged_and_the_others_are_created(
    connection: psycopg.Connection[Any],
) -> None:
    other = "darkroom_store_generation_sessions_status_created_at"
    connection.execute(sql.SQL("drop index {}").format(sql.Identifier(other)))
    connection.execute("create role other_owner")
    connection.execute("grant all on schema public to other_owner")
    connection.execute("grant execute on function darkroom_missing_indexes to other_owner")
    connection.execute("alter table store_generation_sessions owner to other_owner")
    connection.execute("set role other_owner")
    with capture_logs() as logs:
        create_indexes(connection)
    connection.execute("reset role")
    assert [entry["index"] for entry in logs if entry["event"] == "index_not_created"] == [LABEL]
    assert missing(connection) == [LABEL]
    connection.execute("alter table store_generation_sessions owner to current_user")
    connection.execute("drop owned by other_owner")
    connection.execute("drop role other_owner")


def test_two_migrations_create_the_indexes_once(connection: psycopg.Connection[Any], database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as second:
        create_indexes(second)
        # `second` still holds the lock: it ends with its connection.
        assert connection.execute("select pg_try_advisory_lock(hashtext('darkroom_indexes'))").fetchone() == (False,)
    create_indexes(connection)
    assert missing(connection) == []


def test_the_script_ends_with_the_indexes_to_create() -> None:
    assert script().rstrip().endswith("select statement from darkroom_missing_indexes();")
