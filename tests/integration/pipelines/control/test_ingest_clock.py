"""The heartbeats of task list consumers use the time of Redis."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipelines.control.ingest import TaskListConsumer, requeue_abandoned
from schemas import keys
from schemas.common import Product
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    import pytest
    import redis.asyncio

    from providers.records import Records


async def test_a_consumer_whose_clock_is_behind_keeps_its_tasks(
    client: redis.asyncio.Redis, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a host whose clock is two minutes behind, when another host checks, then its consumer counts as alive."""
    real = time.time
    taken = keys.processing("slow", TASK_LISTS[Product.TRYON])
    await client.lpush(taken, "task")
    monkeypatch.setattr(time, "time", lambda: real() - 120)
    await TaskListConsumer(Product.TRYON, "slow", client, records).heartbeat()
    monkeypatch.undo()

    assert await requeue_abandoned(client) == 0

    assert await client.llen(taken) == 1
