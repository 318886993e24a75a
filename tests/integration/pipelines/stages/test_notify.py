"""The stage `notify`: publishes the last event and enqueues deliveries; no failure changes the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis.asyncio

from pipelines.engine.planning import plan_job, stages_left
from pipelines.products import PRODUCTS
from pipelines.stages.notify import publish_outcome
from providers.delivery.wakeup import LIST, DeliveryWakeup
from providers.progress import ProgressLog
from providers.records import PostgresRpc, Records
from providers.records.releases import Releases
from providers.scratch.folder import FolderScratch
from schemas.common import Product, StageName
from schemas.job import Failure, Job
from schemas.progress import Status
from schemas.tasks import TASK_TYPES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MADE = {"pictures": [{"url": "https://files.example/p.jpg?s=1", "path": "u1/p.jpg", "model": "flux"}]}
TASKS: dict[Product, dict[str, Any]] = {
    Product.AVATAR: {"job_id": "j1", "user_id": "u1", "scene_description": "a walk", "avatar": {"id": "a1"}},
    Product.TRYON: {
        "task_id": "t1", "channel": "b2b", "store_id": "shop-1", "session_id": "s1",
        "image_urls": ["https://shop.example/1.jpg"],
    },
}  # fmt: skip


class FinishedJobs:
    """Finished jobs whose stage `notify` is still to run."""

    def __init__(self, records: Records, client: redis.asyncio.Redis, folder: Path) -> None:
        self.records = records
        self.client = client
        self.progress = ProgressLog(client, ttl_s=60)
        self.scratch = FolderScratch(folder)
        self.releases = Releases(records.workers)

    async def job(self, product: Product, failure: Failure | None = None) -> Job:
        """Return a recovered job whose worker died between completion and `notify`."""
        task = PRODUCTS[product].accept(TASK_TYPES[product].model_validate(TASKS[product]))
        await self.records.accept([task])
        (row,) = await self.records.dispatch(limit=1, max_in_flight=9, lease_s=60)
        if failure:
            await self.records.fail(row.task_id, failure, token=row.token, lease_s=0)
        else:
            await self.records.complete(row.task_id, row.token, outcome=MADE, session={}, images=[], deliveries=[])
            await self.records.workers.expect_claim(row.task_id, row.token, 0)
        taken = await self.records.workers.recover(row.task_id, row.token, max_recoveries=3, lease_s=60)
        assert taken is not None
        assert stages_left(taken) == (StageName.NOTIFY,)
        return plan_job(taken)

    async def notify(self, job: Job, wakeup: DeliveryWakeup | None = None) -> list[tuple[str, str]]:
        """Run the stage and return the kinds and channels of the deliveries in the outbox."""
        await publish_outcome(
            job, progress=self.progress, scratch=self.scratch, deliveries=self.records.outbox, releases=self.releases,
            wakeup=wakeup or DeliveryWakeup(self.client),
        )  # fmt: skip
        await self.releases.aclose()
        return [(item.kind, item.channel) for item in await self.records.outbox.for_task(job.task_id)]


@pytest.fixture
async def finished_jobs(
    database_url: str,
    redis_url: str,
    flush_redis: None,  # noqa: ARG001  starts empty
    tmp_path: Path,
) -> AsyncIterator[FinishedJobs]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "truncate darkroom_jobs, darkroom_dispatched, darkroom_deliveries, darkroom_webhooks,"
            " store_generation_sessions"
        )
        connection.execute("insert into store_generation_sessions (id, store_id) values ('s1', 'shop-1')")
    rpc = PostgresRpc(database_url)
    client = redis.asyncio.Redis.from_url(redis_url)
    yield FinishedJobs(Records(rpc), client, tmp_path)
    await client.aclose()
    await rpc.aclose()


async def test_a_photo_is_enqueued_with_its_address_after_a_recovery(finished_jobs: FinishedJobs) -> None:
    job = await finished_jobs.job(Product.AVATAR)
    assert await finished_jobs.notify(job) == [("photo", "web"), ("audit", "audit")]
    photo, _ = await finished_jobs.records.outbox.for_task("j1")
    assert photo.message["url"] == "https://files.example/p.jpg?s=1"
    last = await finished_jobs.progress.latest("j1")
    assert last is not None
    assert (last.status, last.result_urls) == (Status.COMPLETED, ("https://files.example/p.jpg?s=1",))
    assert await finished_jobs.client.llen(LIST) == 1


async def test_a_repeated_notify_enqueues_one_apology(finished_jobs: FinishedJobs) -> None:
    job = await finished_jobs.job(Product.AVATAR, Failure(code="server_error", message="A plain sentence."))
    assert [await finished_jobs.notify(job) for _ in range(3)] == [[("apology", "web")]] * 3


async def test_a_try_on_of_a_shop_without_a_webhook_enqueues_nothing(finished_jobs: FinishedJobs) -> None:
    assert await finished_jobs.notify(await finished_jobs.job(Product.TRYON)) == []
    assert await finished_jobs.records.workers.lost_jobs(lease_s=0) == []
    assert await finished_jobs.client.llen(LIST) == 0


async def test_a_job_whose_completion_has_stored_its_deliveries_is_only_released(finished_jobs: FinishedJobs) -> None:
    job = await finished_jobs.job(Product.AVATAR)
    assert await finished_jobs.notify(job.model_copy(update={"deliveries": 1})) == []
    assert await finished_jobs.client.llen(LIST) == 1
    assert await finished_jobs.records.outbox.enqueue(job.task_id, job.token, []) == 0
    await finished_jobs.records.workers.expect_claim(job.task_id, job.token, -1)
    assert await finished_jobs.records.workers.lost_jobs(lease_s=0) == [], "it was released"


async def test_a_result_is_enqueued_for_a_shop_with_a_webhook(finished_jobs: FinishedJobs) -> None:
    await finished_jobs.records.outbox.webhook("shop-1", "set", "https://shop.example/hook")
    assert await finished_jobs.notify(await finished_jobs.job(Product.TRYON)) == [("result", "webhook")]
    (result,) = await finished_jobs.records.outbox.for_task("t1")
    assert result.message["type"] == "generation.completed"
    assert result.message["timestamp"].endswith("Z")
    assert result.message["data"] == {
        "product": "tryon", "task_id": "t1", "session_id": "s1", "request_id": "task_t1", "run": 1,
        "status": "completed", "result_urls": ["https://files.example/p.jpg?s=1"],
    }  # fmt: skip


async def test_a_failure_is_sent_to_the_shop_with_its_public_message(finished_jobs: FinishedJobs) -> None:
    await finished_jobs.records.outbox.webhook("shop-1", "set", "https://shop.example/hook")
    await finished_jobs.notify(await finished_jobs.job(Product.TRYON, Failure(code="rejected", message="Flagged.")))
    (result,) = await finished_jobs.records.outbox.for_task("t1")
    assert result.message["type"] == "generation.failed"
    assert result.message["data"]["error"] == {"code": "rejected", "message": "Flagged."}


async def test_a_failed_wakeup_does_not_fail_the_stage(finished_jobs: FinishedJobs, tmp_path: Path) -> None:
    async with redis.asyncio.Redis(unix_socket_path=str(tmp_path / "nobody.sock")) as away:
        assert await finished_jobs.notify(await finished_jobs.job(Product.AVATAR), DeliveryWakeup(away)) == [
            ("photo", "web"),
            ("audit", "audit"),
        ]
