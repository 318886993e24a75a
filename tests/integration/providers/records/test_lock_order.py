"""Transactions that refund the same payer never deadlock: each one settles one session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from providers.records import PostgresRpc
from schemas.common import Product
from schemas.records import DeadLetter
from tests.database_locks import locked, wait_for_lock_waits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from providers.records import Records
    from tests.contracts.database_fixture import World


@pytest.fixture
async def rpc(database_url: str) -> AsyncIterator[PostgresRpc]:
    opened = PostgresRpc(database_url)
    yield opened
    await opened.aclose()


def letter(user_id: str, session_id: str) -> DeadLetter:
    return DeadLetter(
        list="wearon:tasks:generation", code="invalid", reason="invalid", payload="{}", product=Product.TRYON,
        channel="b2c", session_id=session_id, owner_id=user_id, message="The task was not valid.",
    )  # fmt: skip


async def test_refused_payloads_and_the_sweep_settle_sessions_of_one_payer(
    records: Records, world: World, database_url: str
) -> None:
    """Given two payloads of one user, when the sweep ends the session of the second meanwhile, all are refunded."""
    user = world.user(0)
    first, second = sorted(world.session(user) for _ in range(2))
    with locked(database_url, "select from user_credits where user_id::text = %s for update", user):
        refusing = asyncio.create_task(records.add_dead_letters([letter(user, first), letter(user, second)]))
        await asyncio.to_thread(wait_for_lock_waits, world.connection, 1)
        sweeping = asyncio.create_task(records.fail_session(Product.TRYON, "b2c", second, "Stuck", "sweep"))
        await asyncio.to_thread(wait_for_lock_waits, world.connection, 2)
    assert (await refusing, (await sweeping).refunded) == (1, 1)
    assert world.balance(user) == 2
