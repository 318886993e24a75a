"""Tasks of a product that no running worker can make."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from pipelines.control import ingest as module
from pipelines.control.database_contact import DatabaseContact
from pipelines.control.ingest import TaskListConsumer
from pipelines.control.recovery import JobRecovery
from pipelines.control.retention import Retention
from pipelines.control.sweep import Sweep
from providers.images.base import ImageRequest
from providers.images.routing.admission import AdmissionControl
from providers.images.routing.router import Router
from providers.scratch.folder import FolderScratch
from providers.served import ServedProducts
from schemas.common import Product
from schemas.errors import Transient
from tests.integration.pipelines.conftest import pushed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import redis.asyncio

    from pipelines.engine.dramatiq_redis.broker import Broker
    from providers.records import Records
    from schemas.records import NewTask

TASKS = "wearon:tasks:generation"


async def test_announced_products_are_served(client: redis.asyncio.Redis) -> None:
    """Given no worker, everything may be served; with workers, what one of them makes."""
    assert await ServedProducts(client).workers() is None
    assert await ServedProducts(client).is_served(Product.AVATAR)
    await ServedProducts(client).announce("one", [Product.TRYON])
    await ServedProducts(client).announce("two", [Product.TRYON, Product.IMAGES])
    assert await ServedProducts(client).workers() == {Product.TRYON: 2, Product.AVATAR: 0, Product.IMAGES: 1}
    assert not await ServedProducts(client).is_served(Product.AVATAR)
    assert await ServedProducts(client, own=[Product.AVATAR]).is_served(Product.AVATAR)
    await ServedProducts(client).withdraw("two")
    assert not await ServedProducts(client).is_served(Product.IMAGES)


async def test_a_worker_without_any_provider_announces_that(client: redis.asyncio.Redis) -> None:
    await ServedProducts(client).announce("one", [])
    assert await ServedProducts(client).workers() == dict.fromkeys(Product, 0)
    assert not await ServedProducts(client, own=[]).is_served(Product.TRYON)


async def test_the_announcement_of_a_host_whose_clock_is_behind_counts(
    client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 120)
    await ServedProducts(client).announce("behind", [Product.TRYON])
    monkeypatch.undo()
    assert await ServedProducts(client).workers() == {Product.TRYON: 1, Product.AVATAR: 0, Product.IMAGES: 0}


async def test_its_tasks_stay_in_their_list_until_a_worker_serves_the_product(
    records: Records, client: redis.asyncio.Redis, new_task: Callable[..., NewTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNSERVED_PAUSE_S", 0.01)
    task = new_task()
    await client.lpush(TASKS, pushed(task))
    checks = 0
    on = asyncio.Event()

    async def is_served(_: Product) -> bool:
        nonlocal checks
        checks += 1
        return on.is_set()

    stopped = asyncio.Event()
    running = asyncio.create_task(
        TaskListConsumer(Product.TRYON, "one", client, records, is_served=is_served).run(stopped)
    )
    async with asyncio.timeout(20):
        while checks < 3:  # noqa: ASYNC110  the loop under test sets no event
            await asyncio.sleep(0.01)
        assert await client.llen(TASKS) == 1
        assert await records.job(task.task_id) is None
        on.set()
        while await records.job(task.task_id) is None:  # noqa: ASYNC110  the same
            await asyncio.sleep(0.01)
    stopped.set()
    await running


async def test_its_stuck_sessions_are_refunded_although_their_tasks_are_still_in_the_list(
    records: Records, broker: Broker, client: redis.asyncio.Redis, new_task: Callable[..., NewTask], tmp_path: Path
) -> None:
    """Given a pushed task, its session stays queued while the product is served; else the sweep refunds it."""
    await client.lpush(TASKS, pushed(new_task()))
    sweep = Sweep(
        recovery=JobRecovery(records, broker, DatabaseContact(0), lease_s=1, max_recoveries=3), records=records,
        client=client, scratch=FolderScratch(tmp_path), stuck_after_s=0, retention=Retention(records.retention, {}),
    )  # fmt: skip
    await ServedProducts(client).announce("one", [Product.TRYON, Product.AVATAR])
    assert (await sweep.run_once()).failed == 0
    await ServedProducts(client).withdraw("one")
    await ServedProducts(client).announce("one", [Product.AVATAR])

    report = await sweep.run_once()

    assert (report.failed, report.refunded) == (1, 1)
    assert await client.llen(TASKS) == 1


async def test_a_job_that_reaches_a_worker_without_a_provider_is_retried(
    client: redis.asyncio.Redis,
) -> None:
    with pytest.raises(Transient) as raised:
        await Router([], AdmissionControl(client)).generate(ImageRequest(task_id="t", owner_id="o", prompt="p"))
    assert raised.value.error_code == "product_off"
