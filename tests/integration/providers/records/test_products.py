"""Only the tables of migrated products are created or altered, and everything works without the others."""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from commands.check_supabase import check_database
from providers.records import PostgresRpc, Records
from providers.records.migrate import migrate, script
from providers.records.orders import Order, Orders, Outcome
from schemas.common import Product
from schemas.records import NewTask, Verdict
from tests.contracts.database_fixture import images, tryon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from commands.local.embedded import Embedded

TRYON_TABLES = {"generation_sessions", "store_generation_sessions", "store_credits", "store_credit_transactions"}
IMAGES_TABLES = {"image_generation_jobs", "images"}
AVATAR_TABLES = {"messages", "audit_log", "user_preferences"}
CREDIT_TABLES = {"user_credits", "credit_transactions"}
#: The session table of a database that existed before Darkroom.
OWN_SESSIONS = "create table generation_sessions (id uuid primary key, user_id uuid not null, status text not null)"
_numbers = itertools.count(1)


@pytest.fixture
def url(embedded: Embedded) -> Iterator[str]:
    """An empty database."""
    assert embedded.postgres
    name = sql.Identifier(f"products_{next(_numbers)}")
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(name))
        yield embedded.postgres.url_of(name.as_string().strip('"'))
        connection.execute(sql.SQL("drop database {} with (force)").format(name))


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]


def tables(url: str) -> set[str]:
    """Return the names of the tables that are not Darkroom's own."""
    found = one(
        url,
        "select coalesce(array_agg(relname::text), '{}') from pg_class where relnamespace = 'public'::regnamespace"
        " and relkind = 'r' and relname not like 'darkroom%'",
    )
    return set(found)


def columns(url: str, table: str) -> int:
    return int(one(url, f"select count(*) from pg_attribute where attrelid = '{table}'::regclass and attnum > 0"))


def test_an_empty_database_gets_the_tables_of_all_products(url: str) -> None:
    migrate(url)
    assert tables(url) == TRYON_TABLES | IMAGES_TABLES | AVATAR_TABLES | CREDIT_TABLES


def test_a_try_on_database_gets_no_tables_of_other_products(url: str) -> None:
    run(url, OWN_SESSIONS)
    migrate(url)
    assert tables(url) == TRYON_TABLES | CREDIT_TABLES
    assert migrate(url) == []
    assert tables(url) == TRYON_TABLES | CREDIT_TABLES


def test_the_setting_takes_precedence_over_existing_tables(url: str) -> None:
    run(url, OWN_SESSIONS)
    migrate(url, [Product.AVATAR])
    assert tables(url) == {"generation_sessions"} | AVATAR_TABLES | CREDIT_TABLES
    assert columns(url, "generation_sessions") == 3
    assert one(url, "select count(*) from pg_proc where proname = 'deduct_store_credits'") == 0


def test_the_printed_script_chooses_as_migrate_does(url: str) -> None:
    run(url, script([Product.IMAGES]))
    assert tables(url) == IMAGES_TABLES | CREDIT_TABLES
    run(url, script())
    assert tables(url) == IMAGES_TABLES | CREDIT_TABLES
    run(url, script([Product.IMAGES, Product.TRYON]))
    assert tables(url) == IMAGES_TABLES | TRYON_TABLES | CREDIT_TABLES


def test_a_table_of_the_same_name_that_belongs_to_another_application_is_not_altered(url: str) -> None:
    run(url, OWN_SESSIONS, "create table messages (id bigint primary key, subject text)")
    migrate(url)
    assert tables(url) == TRYON_TABLES | CREDIT_TABLES | {"messages"}
    assert columns(url, "messages") == 2


@pytest.fixture
async def rpc(url: str) -> AsyncIterator[PostgresRpc]:
    migrate(url, [Product.TRYON])
    opened = PostgresRpc(url)
    yield opened
    await opened.aclose()


def photo() -> NewTask:
    task_id = str(uuid.uuid4())
    return NewTask(
        task_id=task_id, product=Product.AVATAR, session_id=task_id, owner_id="user", user_id="user", channel="web",
        request_id="req_1", payload={},
    )  # fmt: skip


async def test_tasks_of_a_product_without_tables_are_refused_before_they_are_charged(
    rpc: PostgresRpc, url: str
) -> None:
    run(url, "insert into generation_sessions (id, user_id) values ('s', 'user')")
    fit, batch, chat = tryon("user", "s"), images("workspace", "job"), photo()
    verdicts = await Records(rpc).accept([fit, batch, chat])
    assert verdicts == {
        fit.task_id: Verdict.ACCEPTED,
        batch.task_id: Verdict.PRODUCT_OFF,
        chat.task_id: Verdict.PRODUCT_OFF,
    }


@pytest.mark.parametrize(("product", "channel"), [(Product.IMAGES, "workspace"), (Product.AVATAR, "web")])
async def test_an_order_of_a_product_without_tables_is_refused_and_not_charged(
    rpc: PostgresRpc, url: str, product: Product, channel: str
) -> None:
    run(url, "insert into user_credits (user_id, balance) values ('user', 5)")
    order = Order(
        task_id="task", client="test", idempotency_key=None, fingerprint="", product=product, channel=channel,
        session_id="session", owner_id="user", user_id="user", request_id="req_1", payload=None, answer={},
    )  # fmt: skip
    assert (await Orders(rpc).place_order(order, {}, 1)).outcome is Outcome.PRODUCT_OFF
    assert one(url, "select balance from user_credits") == 5
    assert one(url, "select count(*) from darkroom_requests") == 0


async def test_reading_and_sweeping_work_without_the_tables_of_other_products(rpc: PostgresRpc, url: str) -> None:
    records = Records(rpc)
    assert await records.orphans(older_than_s=0) == []
    assert await records.job_counts() == {"oldest_waiting_s": 0}
    assert await rpc.call("darkroom_live_sessions", p_session_id="s") == []
    assert await rpc.call("darkroom_images_job", p_job_id="s") is None
    assert await rpc.call("darkroom_whatsapp_phone", p_user_id="user") is None
    assert await rpc.call("darkroom_order_state", p_table="images", p_session_id="s", p_ended=False) == {
        "state": "waiting"
    }
    run(url, "drop table store_generation_sessions, store_credits")
    assert await rpc.call("darkroom_sessions", p_query={"limit": 5}) == []
    assert (await rpc.call("darkroom_session_stats", p_query={}))["total"] == 0
    assert await rpc.call("darkroom_owner_credits", p_channel="b2b", p_owner_id="store") is None
    assert await rpc.call("darkroom_payer_balance", p_payer={"kind": "store", "id": "store"}) is None


async def test_a_job_whose_session_table_was_dropped_does_not_stop_the_others(rpc: PostgresRpc, url: str) -> None:
    run(
        url,
        "insert into generation_sessions (id, user_id) values ('s', 'user')",
        "insert into store_generation_sessions (id, store_id) values ('t', 'store')",
    )
    records = Records(rpc)
    kept = tryon("user", "s")
    await records.accept([kept, tryon("store", "t").model_copy(update={"channel": "b2b", "user_id": None})])
    run(url, "drop table store_generation_sessions")
    started = await records.dispatch(limit=5, max_in_flight=5, lease_s=60)
    assert [row.task_id for row in started] == [kept.task_id]


async def test_check_reports_missing_tables_of_named_products_only(rpc: PostgresRpc, url: str) -> None:
    assert rpc
    found = {row.name: row for row in await check_database(url, products=None, timeout_s=5)}
    assert all(row.ok for row in found.values())
    detail = found["database products"].detail
    assert detail.startswith("tables of tryon; tasks and orders of avatar, images are refused")
    found = {row.name: row for row in await check_database(url, products=[Product.AVATAR], timeout_s=5)}
    assert [name for name, row in found.items() if not row.ok] == ["database tables"]
    assert "messages.content" in found["database tables"].detail
