"""Databases of earlier, unreleased forms of the schema are brought up to date."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from providers.records.migrate import SCHEMAS, migrate, migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.local.embedded import Embedded

#: The least of the numbered migrations that differs from today: no payers, functions under other names and parameters.
NUMBERED = """
create table darkroom_migrations (name text primary key, sha256 text not null, applied_at timestamptz default now());
insert into darkroom_migrations (name, sha256) values ('0002_jobs.sql', 'x'), ('tables/0001_jobs.sql', 'y');
create table generation_sessions (id text primary key, user_id text, status text not null, credits_used integer);
create table darkroom_session_tables (
  product text, channel text, table_name text, owner_column text, primary key (product, channel));
insert into darkroom_session_tables values ('tryon', 'b2c', 'generation_sessions', 'user_id');
create table darkroom_ledger (
  product text, session_id text, run integer, kind text, owner_id text, amount integer, created_at timestamptz,
  primary key (product, session_id, run, kind));
create table darkroom_dead_letters (
  id bigint generated always as identity primary key, list text, code text, reason text, payload text, encoding text,
  complete boolean default true, task_id text, session_id text, created_at timestamptz default now());
create function darkroom_bury(p_letters jsonb) returns integer language sql as 'select 0';
create function darkroom_accept(p_tasks jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$;
create function darkroom_dispatch(p_limit integer, p_max_in_flight integer, p_lease_s float8) returns jsonb
language sql as $$ select '[]'::jsonb $$;
create function darkroom_expired_leases(p_limit integer) returns jsonb language sql as $$ select '[]'::jsonb $$;
create function darkroom_check(p_functions jsonb) returns jsonb language sql as $$ select '{}'::jsonb $$;
"""
#: A job that has not ended, whose price an earlier form read from the session.
OLD_JOB = """
insert into generation_sessions (id, user_id, status, credits_used) values ('s', 'user', 'processing', 3);
insert into darkroom_jobs (task_id, product, session_id, owner_id, channel, request_id, payload, state)
values ('t', 'tryon', 's', 'user', 'b2c', 'req_1', '{}', 'running');
"""
_numbers = itertools.count(1)


@pytest.fixture
def connection(embedded: Embedded) -> Iterator[psycopg.Connection[Any]]:
    """A connection to an empty database."""
    assert embedded.postgres
    name = sql.Identifier(f"earlier_{next(_numbers)}")
    with psycopg.connect(embedded.postgres.url, autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(name))
        with psycopg.connect(embedded.postgres.url_of(name.as_string().strip('"')), autocommit=True) as opened:
            yield opened
        server.execute(sql.SQL("drop database {} with (force)").format(name))


def url(connection: psycopg.Connection[Any]) -> str:
    return psycopg.conninfo.make_conninfo(**connection.info.get_parameters())


def functions(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the name of each function of Darkroom, once for each signature."""
    found = connection.execute("select proname from pg_proc where proname like 'darkroom\\_%' order by 1").fetchall()
    return [row[0] for row in found]


def test_a_database_of_an_earlier_schema_gets_the_current_columns_and_functions(
    connection: psycopg.Connection[Any],
) -> None:
    """Given tables without payers and functions under old names, nothing of these is left after a migration."""
    connection.execute(NUMBERED.encode())
    core = (SCHEMAS / "tables/0001_core.sql").read_text().partition("-- Charges and refunds")[0]
    connection.execute(core.replace("payer jsonb,", "").encode())
    connection.execute(OLD_JOB.encode())

    assert migrate(url(connection)) == [item.name for item in migrations()]
    assert migrate(url(connection)) == []

    assert connection.execute("select price, payer from darkroom_jobs").fetchone() == (1, None)
    connection.execute("select letter_key, owner_id from darkroom_dead_letters")
    connection.execute("select payer from darkroom_ledger")
    names = functions(connection)
    assert names == sorted(set(names))
    assert "darkroom_bury" not in names
    found = connection.execute("select darkroom_check('[]')").fetchone()
    assert found is not None
    assert found[0]["missing_columns"] == []


def test_no_function_has_two_signatures(database_url: str) -> None:
    with psycopg.connect(database_url) as opened:
        names = functions(opened)
    assert len(names) == len(set(names))
    assert {"darkroom_accept", "darkroom_dispatch", "darkroom_expired_leases"} <= set(names)
