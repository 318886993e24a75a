"""Functions that refund several owners in one transaction lock their balances in the same order."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contracts.database_fixture import World

#: Makes each change of a balance take long enough for two transactions to hold one balance each.
SLOW_BALANCES = """
create function pause_after_change() returns trigger language plpgsql as $$
begin
  perform pg_sleep(0.2);
  return new;
end $$;
create trigger pause_after_change after update on user_credits for each row execute function pause_after_change();
"""
LOST = "select darkroom_cancel_lost_orders(900, 'Lost')"


@pytest.fixture
def slow_balances(world: World) -> Iterator[None]:
    world.connection.execute(SLOW_BALANCES)
    try:
        yield
    finally:
        world.connection.execute("drop function pause_after_change cascade")


def lost_order(world: World, user_id: str, *, age_h: int) -> None:
    """Place an order whose task never arrived."""
    order = {
        "task_id": str(uuid.uuid4()), "session_id": str(uuid.uuid4()), "product": "tryon", "channel": "b2c",
        "owner_id": user_id, "user_id": user_id, "request_id": f"req_{uuid.uuid4()}", "client": "test",
        "idempotency_key": str(uuid.uuid4()), "fingerprint": "f", "payload": {}, "answer": {},
    }  # fmt: skip
    assert world.one("select darkroom_place_order(%s, '{}', 1)", json.dumps(order)) == {"outcome": "created"}
    world.connection.execute(
        "update darkroom_requests set created_at = now() - make_interval(hours => %s) where task_id = %s",
        [age_h, order["task_id"]],
    )


def letters(world: World, *user_ids: str) -> str:
    """Return refused payloads that name a charged session of each user, as an argument of the function."""
    return json.dumps([
        {
            "list": "wearon:tasks:generation", "code": "invalid", "reason": "invalid", "payload": "{}",
            "encoding": "utf-8", "complete": True, "product": "tryon", "channel": "b2c",
            "session_id": world.session(user_id), "owner_id": user_id, "message": "The task was not valid.",
        }
        for user_id in user_ids
    ])  # fmt: skip


def at_once(database_url: str, *calls: Callable[[psycopg.Connection], object]) -> None:
    """Run each call in a connection of its own at the same time; raise what one of them raises."""

    def run(call: Callable[[psycopg.Connection], object]) -> None:
        with psycopg.connect(database_url) as connection:
            call(connection)

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, calls))


@pytest.mark.usefixtures("slow_balances")
def test_lost_orders_and_refused_payloads_of_the_same_owners_never_deadlock(world: World, database_url: str) -> None:
    """Given orders and payloads of two owners, each in the other's order, when both end, all are refunded."""
    first, second = sorted([world.user(1), world.user(1)])
    lost_order(world, second, age_h=2)
    lost_order(world, first, age_h=1)
    refused = letters(world, first, second)

    at_once(
        database_url,
        lambda connection: connection.execute(LOST),
        lambda connection: connection.execute("select darkroom_add_dead_letters(%s)", [refused]),
    )

    assert [world.balance(user_id) for user_id in (first, second)] == [2, 2]


@pytest.mark.usefixtures("slow_balances")
def test_refused_payloads_of_the_same_owners_in_opposite_order_never_deadlock(world: World, database_url: str) -> None:
    first, second = world.user(0), world.user(0)
    batches = [letters(world, first, second), letters(world, second, first)]

    at_once(
        database_url,
        *(
            lambda connection, batch=batch: connection.execute("select darkroom_add_dead_letters(%s)", [batch])
            for batch in batches
        ),
    )

    assert [world.balance(user_id) for user_id in (first, second)] == [2, 2]
