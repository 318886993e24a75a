"""The parts of the sweep are independent of each other."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pipelines.control import unread_tasks
from pipelines.control.database_contact import DatabaseContact
from pipelines.control.recovery import JobRecovery
from pipelines.control.retention import Retention
from pipelines.control.sweep import Sweep
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.retention import DataKind
from providers.scratch.folder import FolderScratch
from schemas import keys
from schemas.common import Product
from schemas.tasks import TASK_LISTS
from tests.database_locks import locked, wait_for_lock_waits
from tests.integration.pipelines.conftest import pushed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    import redis.asyncio

    from pipelines.engine.dramatiq_redis.broker import Broker
    from providers.records import Records
    from providers.records.orders import OrderCancellation
    from schemas.errors import DarkroomError
    from schemas.records import NewTask


@pytest.fixture
def sweep(records: Records, broker: Broker, client: redis.asyncio.Redis, tmp_path: Path) -> Sweep:
    return Sweep(
        recovery=JobRecovery(records, broker, DatabaseContact(0), lease_s=1, max_recoveries=3), records=records,
        client=client, scratch=FolderScratch(tmp_path), stuck_after_s=0,
        retention=Retention(records.retention, {DataKind.DEAD_LETTERS: 0}),
    )  # fmt: skip


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("truncate darkroom_requests")
        yield connection


def lost_order(database: psycopg.Connection[Any], user_id: str) -> dict[str, Any]:
    """Place an order whose task never arrives; the user has paid for it."""
    order = {
        "task_id": str(uuid.uuid4()), "session_id": str(uuid.uuid4()), "product": "tryon", "channel": "b2c",
        "owner_id": user_id, "user_id": user_id, "request_id": "req_1", "client": "test", "fingerprint": "f",
        "payload": {}, "answer": {},
    }  # fmt: skip
    database.execute(
        "insert into user_credits (user_id, balance) values (%s, 1) on conflict (user_id) do update set balance = 1",
        [user_id],
    )
    placed = database.execute("select darkroom_place_order(%s, '{}', 1)", [json.dumps(order)]).fetchone()
    assert placed == ({"outcome": "created"},)
    return order


def balance(database: psycopg.Connection[Any], user_id: str) -> int:
    row = database.execute("select balance from user_credits where user_id::text = %s", [user_id]).fetchone()
    assert row is not None
    return int(row[0])


def failing(
    cancel: Callable[[str, str], Awaitable[OrderCancellation]], task_id: str, error: DarkroomError
) -> Callable[[str, str], Awaitable[OrderCancellation]]:
    """Return `cancel_order`, except that it raises `error` for one task."""

    async def cancel_order(cancelled: str, message: str) -> OrderCancellation:
        if cancelled == task_id:
            raise error
        return await cancel(cancelled, message)

    return cancel_order


async def test_a_refused_lost_order_does_not_stop_the_other_parts(
    sweep: Sweep,
    records: Records,
    database: psycopg.Connection[Any],
    new_task: Callable[..., NewTask],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a refused order, another order and an orphan, then all are refunded: the refused one as an orphan too."""
    refused, other = (lost_order(database, user_id) for user_id in ("anna", "ben"))
    new_task("claire")
    database.execute(
        "insert into darkroom_dead_letters (list, code, reason, payload, encoding, complete) "
        "values ('l', 'invalid', 'r', 'p', 'utf-8', true)"
    )
    refusing = failing(records.orders.cancel_order, refused["task_id"], DatabaseRefused("a row is refused"))
    monkeypatch.setattr(records.orders, "cancel_order", refusing)

    report = await sweep.run_once()

    assert (report.checked, report.failed, report.refunded) == (4, 3, 3)
    assert [balance(database, order["user_id"]) for order in (refused, other)] == [1, 1]
    assert await records.dead_letters() == []


async def test_an_unavailable_database_ends_the_sweep(
    sweep: Sweep, records: Records, database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lost_order(database, "anna")
    away = failing(records.orders.cancel_order, order["task_id"], DatabaseUnavailable("away"))
    monkeypatch.setattr(records.orders, "cancel_order", away)
    with pytest.raises(DatabaseUnavailable):
        await sweep.run_once()


async def test_lost_orders_of_one_payer_do_not_deadlock_with_another_sweep(
    sweep: Sweep, records: Records, database: psycopg.Connection[Any], database_url: str
) -> None:
    """Given two lost orders, when another sweep ends the session of the second meanwhile, both are refunded once."""
    orders = [lost_order(database, "anna") for _ in range(2)]
    with locked(database_url, "select from user_credits where user_id::text = %s for update", "anna"):
        sweeping = asyncio.create_task(sweep.run_once())
        await asyncio.to_thread(wait_for_lock_waits, database, 1)
        other = records.fail_session(Product.TRYON, "b2c", orders[1]["session_id"], "Stuck", "sweep")
        ending = asyncio.create_task(other)
        await asyncio.to_thread(wait_for_lock_waits, database, 2)
    report = await sweeping
    assert (report.refunded, (await ending).refunded) == (1, 1)
    assert balance(database, "anna") == 2


async def test_a_busy_list_stops_no_sweep(
    sweep: Sweep, client: redis.asyncio.Redis, database: psycopg.Connection[Any], new_task: Callable[..., NewTask]
) -> None:
    """Given unread tasks of two products, the sweep ends the sessions that no task in the lists names."""
    unread, taken, stuck = new_task("anna"), new_task("ben"), new_task("claire")
    placed = lost_order(database, "dora"), lost_order(database, "emil")
    await client.lpush(TASK_LISTS[Product.IMAGES], b"not json")
    ordered = {name: placed[0][name] for name in ("task_id", "session_id")}
    await client.lpush(TASK_LISTS[Product.TRYON], pushed(unread), json.dumps(ordered), b"[]")
    await client.zadd(keys.CONSUMERS, {"one": 1e15})
    upper = taken.payload | {"session_id": taken.session_id.upper()}
    await client.lpush(keys.processing("one", TASK_LISTS[Product.TRYON]), json.dumps(upper))

    report = await sweep.run_once()

    assert (report.checked, report.failed, report.refunded) == (2, 2, 2)
    ended = database.execute("select user_id::text from generation_sessions where status = 'failed'").fetchall()
    assert {row[0] for row in ended} == {stuck.owner_id, placed[1]["user_id"]}


async def test_a_list_too_long_to_read_stops_the_sweep_of_its_product_only(
    sweep: Sweep,
    client: redis.asyncio.Redis,
    database: psycopg.Connection[Any],
    new_task: Callable[..., NewTask],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unread_tasks, "MAX_READ", 2)
    new_task("anna")
    database.execute("select darkroom_new_session('images', 'workspace', 'w', %s, '{}')", [str(uuid.uuid4())])
    await client.lpush(TASK_LISTS[Product.TRYON], b"1", b"2", b"3")

    assert (await sweep.run_once()).failed == 1
    await client.lpop(TASK_LISTS[Product.TRYON])
    assert (await sweep.run_once()).failed == 1
