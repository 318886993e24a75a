"""Databases of earlier, unreleased forms of the schema are brought up to date."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from providers.records.migrate import SCHEMAS, migrate, migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.local.embedded import Embedded

APPLIED = """
create table darkroom_migrations (name text primary key, sha256 text not null, applied_at timestamptz default now());
"""
PRODUCT_TABLES = """
create table generation_sessions (id text primary key, user_id text, status text not null);
create table store_generation_sessions (id text primary key, store_id text, status text not null);
create table user_credits (user_id text primary key, balance integer not null, total_earned integer default 0,
  total_spent integer default 0);
"""
#: The least of the numbered migrations that differs from today: no payers, functions under other names and parameters.
NUMBERED = """
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
#: A database in which sessions were identified by product and id: a charged job, an order, and a refund that is owed.
WITHOUT_CHANNELS = """
insert into generation_sessions (id, user_id, status) values ('s', 'anna', 'processing'), ('gone', 'ben', 'failed');
insert into store_generation_sessions (id, store_id, status) values ('s', 'shop', 'queued');
insert into user_credits (user_id, balance) values ('anna', 0), ('ben', 0);
insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload, state, price)
values ('t', 'tryon', 's', 'anna', 'anna', 'b2c', 'req_1', '{}', 'running', 2);
insert into darkroom_ledger (product, session_id, run, kind, owner_id, amount, payer) values
  ('tryon', 's', 1, 'charge', 'anna', 2, '{"kind": "user", "id": "anna"}'),
  ('tryon', 'sold', 1, 'charge', 'shop', 1, '{"kind": "shopper", "id": "shop", "email": "a@b.example"}'),
  ('tryon', 'gone', 1, 'charge', 'ben', 3, null), ('images', 'i', 1, 'charge', 'carl', 1, null);
insert into darkroom_dead_letters (list, code, reason, payload, encoding, product, session_id, owner_id, letter_key)
values ('darkroom:refunds', 'refund_refused', '45000: no',
        '{"product": "tryon", "session_id": "gone", "run": 1, "amount": 3, "payer": {"kind": "user", "id": "ben"},
          "reason": "Stuck"}', 'utf-8', 'tryon', 'gone', 'ben', 'refund:tryon:gone:1');
"""
#: Jobs of a time when each had a lease: one that waits, one that is postponed, one that runs, one whose outcome is to
#: be published and one that has ended.
WITH_LEASES = """
insert into darkroom_jobs (task_id, product, session_id, owner_id, channel, request_id, payload, state, turn, token,
                           lease_until, not_before) values
  ('waiting', 'avatar', 'a', 'anna', 'web', 'req_1', '{}', 'waiting', 7, 0, null, null),
  ('postponed', 'avatar', 'b', 'anna', 'web', 'req_1', '{}', 'waiting', 3, 1, null, now() + interval '1 hour'),
  ('running', 'avatar', 'c', 'anna', 'web', 'req_1', '{}', 'running', 2, 1, now(), null),
  ('owed', 'avatar', 'd', 'anna', 'web', 'req_1', '{}', 'completed', 1, 4, now(), null),
  ('ended', 'avatar', 'e', 'anna', 'web', 'req_1', '{}', 'failed', 0, 2, null, now());
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
    connection.execute((APPLIED + NUMBERED).encode())
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


def apply_before(connection: psycopg.Connection[Any], name: str) -> None:
    """Apply the table files that precede `name`, as an earlier build did."""
    connection.execute(APPLIED.encode())
    for item in migrations():
        if item.once and item.name < name:
            connection.execute(item.text.encode())
            connection.execute(
                "insert into darkroom_migrations (name, sha256) values (%s, %s)", [item.name, item.sha256]
            )


def test_a_database_with_a_lease_for_each_job_keeps_its_jobs(connection: psycopg.Connection[Any]) -> None:
    """Given jobs in all states, after a migration those with a lease can be recovered and the waiting ones start."""
    apply_before(connection, "tables/0010_workers.sql")
    connection.execute(WITH_LEASES.encode())

    migrate(url(connection))

    lost = connection.execute("select darkroom_lost_jobs(9, 20)").fetchone()
    assert lost is not None
    assert {row["task_id"]: row["token"] for row in lost[0]} == {"running": 1, "owed": 4}
    started = connection.execute("select darkroom_dispatch(9, 99, 20)").fetchone()
    assert started is not None
    assert [row["task_id"] for row in started[0]] == ["waiting"]
    connection.execute("update darkroom_jobs set not_before = now() where not_before is not null")
    started = connection.execute("select darkroom_dispatch(9, 99, 20)").fetchone()
    assert started is not None
    assert [(row["task_id"], row["token"]) for row in started[0]] == [("postponed", 2)]


def test_a_database_without_channels_in_its_ledger_gets_them(connection: psycopg.Connection[Any]) -> None:
    """Given charges without a channel, each gets its session's, is refunded once, and other channels may use its id."""
    apply_before(connection, "tables/0007_session_channels.sql")
    connection.execute(PRODUCT_TABLES.encode())
    connection.execute(WITHOUT_CHANNELS.encode())

    migrate(url(connection))

    ledger = connection.execute("select session_id, channel from darkroom_ledger").fetchall()
    assert set(ledger) == {("s", "b2c"), ("sold", "b2b"), ("gone", "b2c"), ("i", "workspace")}
    failed = "select darkroom_fail('t', null, 'failed', 'm', '{}', 1)"
    assert [connection.execute(failed).fetchone() for _ in range(2)] == [
        ({"moved": True, "refunded": 2},), ({"moved": False, "refunded": 0},),
    ]  # fmt: skip
    owed = "select darkroom_retry_refund(id) from darkroom_dead_letters"
    assert connection.execute(owed).fetchall() == [(3,)]
    assert connection.execute("select user_id, balance from user_credits order by 1").fetchall() == [
        ("anna", 2), ("ben", 3),
    ]  # fmt: skip
    task = {
        "task_id": "t2", "product": "tryon", "session_id": "s", "owner_id": "shop", "channel": "b2b", "payload": {},
        "request_id": "req_2",
    }  # fmt: skip
    accepted = connection.execute("select darkroom_accept(%s)", [json.dumps([task])]).fetchone()
    assert accepted == ({"t2": "accepted"},)


def test_no_function_has_two_signatures(database_url: str) -> None:
    with psycopg.connect(database_url) as opened:
        names = functions(opened)
    assert len(names) == len(set(names))
    assert {"darkroom_accept", "darkroom_dispatch", "darkroom_lost_jobs"} <= set(names)
