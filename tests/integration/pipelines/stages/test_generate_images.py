"""The stage `generate` for a batch: concurrency, progress, one payment per picture, and partial failure."""

from __future__ import annotations

import asyncio
import io
import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis.asyncio
from PIL import Image

from pipelines.engine.planning import plan_job
from pipelines.products.images import IMAGES
from pipelines.stages.generate import Generate
from pipelines.stages.paid_picture import PictureServices
from providers.fetch import Fetcher, FetchPolicy
from providers.images.base import GeneratedImage, ImageRequest
from providers.progress import ProgressLog
from providers.records import PostgresRpc, Records
from providers.records.base import DatabaseUnavailable
from providers.scratch.folder import FolderScratch
from schemas.common import JobState
from schemas.errors import Ambiguous, DarkroomError, Fenced, RateLimited, Rejected, Transient, Unavailable
from schemas.job import Call, Job
from schemas.progress import channel
from schemas.tasks import ImagesTask

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def _jpeg() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(data, "JPEG")
    return data.getvalue()


COST_USD = 0.04


class FlakyRpc:
    """A database whose next calls of `darkroom_journal` fail: `away` before, `reply_lost` after execution."""

    def __init__(self, rpc: PostgresRpc) -> None:
        self._rpc = rpc
        self.away = 0
        self.reply_lost = 0
        self.skip = 0

    async def call(self, function: str, **arguments: Any) -> Any:
        if function != "darkroom_journal" or self.skip:
            self.skip -= function == "darkroom_journal"
            return await self._rpc.call(function, **arguments)
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable("away")
        answer = await self._rpc.call(function, **arguments)
        if self.reply_lost:
            self.reply_lost -= 1
            raise DatabaseUnavailable("the reply was lost")
        return answer

    async def aclose(self) -> None:
        await self._rpc.aclose()


class FullScratch(FolderScratch):
    """A folder whose next `full` writes fail."""

    full = 0
    full_for_probes = False

    async def write(self, name: str, data: bytes, *, durable: bool = True) -> None:
        if self.full:
            self.full -= 1
            raise Unavailable("No space left on device", code="scratch_unavailable")
        await super().write(name, data, durable=durable)

    async def probe(self) -> None:
        if self.full_for_probes:
            raise Unavailable("No space left on device", code="scratch_unavailable")


class FakeGenerator:
    """A generator that counts its calls and raises the given failures, by picture."""

    def __init__(self) -> None:
        self.calls: Counter[int] = Counter()
        self.failures: dict[int, list[DarkroomError]] = {}
        self.barrier: asyncio.Barrier | None = None
        self.work_id: str | None = None
        self.by_address = False
        self.resumed: list[Any] = []

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_begin: Any = None,
        on_work: Any = None,
        on_call: Any = None,
        resume: Any = None,
    ) -> GeneratedImage:
        await on_begin()
        if self.barrier:
            await self.barrier.wait()
        self.calls[request.index] += 1
        self.resumed.append(resume)
        if self.work_id:
            await on_work("mock", self.work_id)
        await asyncio.sleep(0.02 * (request.index + 1))
        await on_call(Call(provider="mock", outcome="ok", seconds=0, cost_usd=COST_USD))
        if self.failures.get(request.index):
            raise self.failures[request.index].pop(0)
        data = None if self.by_address else _jpeg()
        url = "http://127.0.0.1:1/picture.jpg" if self.by_address else None
        return GeneratedImage(provider="mock", model="mock", data=data, url=url, input_tokens=1)


class Batch:
    """A job of several pictures in a real database."""

    def __init__(self, rpc: FlakyRpc, progress: ProgressLog, folder: Path, database: psycopg.Connection) -> None:
        self.generator = FakeGenerator()
        self.rpc = rpc
        self.records = Records(rpc)
        self.scratch = FullScratch(folder)
        self.database = database
        self._progress = progress
        self.job_id, self.task_id = str(uuid.uuid4()), str(uuid.uuid4())

    async def start(self, count: int = 4) -> Job:
        self.database.execute(
            "insert into image_generation_jobs (id, workspace_id, style_id) values (%s, 'w1', 'warm')", [self.job_id]
        )
        task = ImagesTask.model_validate(
            {
                "task_id": self.task_id, "job_id": self.job_id, "workspace_id": "w1", "prompt": "a mug",
                "style_id": "warm", "count": count,
            }
        )  # fmt: skip
        await self.records.accept([IMAGES.accept(task)])
        (row,) = await self.records.dispatch(limit=1, max_in_flight=100, lease_s=60)
        return plan_job(row)

    async def generate(self, job: Job, *, keep_partial: bool = False) -> Job:
        fetcher = Fetcher(FetchPolicy())
        stage = Generate(
            PictureServices(generator=self.generator, fetcher=fetcher, scratch=self.scratch), records=self.records,
            progress=self._progress, deadline_s=5, max_retries=3, keep_partial=keep_partial,
        )  # fmt: skip
        try:
            return await stage(job)
        finally:
            await fetcher.aclose()

    def spent_usd(self) -> float:
        row = self.database.execute("select spent_usd from darkroom_jobs where task_id = %s", [self.task_id]).fetchone()
        assert row is not None
        return float(row[0])

    def session_progress(self) -> int:
        row = self.database.execute(
            "select progress from image_generation_jobs where id = %s", [self.job_id]
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
async def batch(database_url: str, redis_url: str, flush_redis: None, tmp_path: Path) -> AsyncIterator[Batch]:  # noqa: ARG001  starts empty
    rpc = PostgresRpc(database_url)
    client = redis.asyncio.Redis.from_url(redis_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("truncate darkroom_jobs, darkroom_dispatched, image_generation_jobs cascade")
        yield Batch(FlakyRpc(rpc), ProgressLog(client, ttl_s=60), tmp_path, connection)
    await client.aclose()
    await rpc.aclose()


async def test_the_pictures_are_generated_concurrently_and_kept_in_order(batch: Batch) -> None:
    batch.generator.barrier = asyncio.Barrier(4)
    async with asyncio.timeout(30):  # with fewer concurrent calls the barrier never opens
        job = await batch.generate(await batch.start())
    assert [picture.scratch for picture in job.pictures] == [f"{job.task_id}/made-{n}" for n in range(4)]
    assert job.input_tokens == 4


async def test_each_finished_picture_updates_session_and_subscribers(batch: Batch, redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client, client.pubsub() as subscription:
        await subscription.subscribe(channel(batch.task_id))
        await batch.generate(await batch.start())
        events: list[dict[str, Any]] = []
        while message := await subscription.get_message(timeout=0.5):
            events += [json.loads(message["data"])] if message["type"] == "message" else []
    assert [event["progress"] for event in events] == [42, 55, 67, 80]
    assert events[-1]["message"] == "Rendering... 4 of 4"
    assert batch.session_progress() == 80


async def test_only_the_failed_picture_is_retried(batch: Batch) -> None:
    job = await batch.start()
    batch.generator.failures[2] = [Transient("a 500")]
    with pytest.raises(Transient):
        await batch.generate(job)
    assert batch.session_progress() == 67
    again = await batch.generate(job.model_copy(update={"attempt": 1}))
    assert batch.generator.calls == {0: 1, 1: 1, 2: 2, 3: 1}
    assert len(again.pictures) == 4


async def test_after_a_recovery_only_missing_pictures_are_paid_for(batch: Batch) -> None:
    job = await batch.start()
    batch.generator.failures[3] = [Transient("the worker died")]
    with pytest.raises(Transient):
        await batch.generate(job)
    batch.database.execute("update darkroom_dispatched set claim_by = now() - interval '1 s'")
    row = await batch.records.workers.recover(job.task_id, job.token, max_recoveries=3, lease_s=60)
    assert row is not None
    await batch.generate(plan_job(row))
    assert batch.generator.calls == {0: 1, 1: 1, 2: 1, 3: 2}
    with pytest.raises(Fenced):
        await batch.generate(job)


async def test_one_refused_picture_fails_the_whole_job_at_once(batch: Batch) -> None:
    job = await batch.start()
    batch.generator.failures = {1: [Rejected("no")], 2: [Transient("a 500")]}
    with pytest.raises(Rejected):
        await batch.generate(job)


async def test_keep_partial_keeps_finished_pictures_after_a_final_failure(batch: Batch) -> None:
    job = await batch.start()
    batch.generator.failures = {1: [Rejected("no")]}
    kept = await batch.generate(job, keep_partial=True)
    assert [picture.scratch for picture in kept.pictures] == [f"{job.task_id}/made-{n}" for n in (0, 2, 3)]


async def test_keep_partial_retries_transient_failures_first(batch: Batch) -> None:
    job = await batch.start()
    batch.generator.failures = {
        0: [Transient("a 500")],
        1: [RateLimited("slow", retry_after=5)],
        2: [Rejected("no")] * 4,
    }
    with pytest.raises(RateLimited):
        await batch.generate(job, keep_partial=True)
    kept = await batch.generate(job.model_copy(update={"attempt": 1}), keep_partial=True)
    assert len(kept.pictures) == 3


async def test_keep_partial_leaves_out_a_picture_that_fails_its_last_attempt(batch: Batch) -> None:
    job = await batch.start()
    batch.generator.failures = {0: [Transient("a 500")]}
    kept = await batch.generate(job.model_copy(update={"attempt": 3}), keep_partial=True)
    assert len(kept.pictures) == 3


async def test_keep_partial_fails_a_batch_without_any_picture(batch: Batch) -> None:
    job = await batch.start(2)
    batch.generator.failures = {0: [Rejected("no")], 1: [Rejected("no")]}
    with pytest.raises(Rejected):
        await batch.generate(job, keep_partial=True)


async def test_nothing_is_paid_for_after_the_job_has_ended(batch: Batch) -> None:
    job = await batch.start()
    batch.database.execute("update darkroom_jobs set state = %s", [JobState.CANCELLED.value])
    with pytest.raises(Fenced):
        await batch.generate(job, keep_partial=True)
    assert not batch.generator.calls


@pytest.mark.parametrize("count", [1, 3])
async def test_paid_pictures_are_journalled_once_the_database_is_back(batch: Batch, count: int) -> None:
    job = await batch.start(count)
    batch.rpc.skip = count  # the calls begin
    batch.rpc.away = 4
    assert len((await batch.generate(job)).pictures) == count
    assert batch.generator.calls.total() == count
    assert batch.spent_usd() == pytest.approx(count * COST_USD)


async def test_paid_pictures_are_stored_once_the_scratch_store_is_back(batch: Batch) -> None:
    job = await batch.start(2)
    batch.scratch.full = 3
    assert len((await batch.generate(job)).pictures) == 2
    assert batch.generator.calls.total() == 2
    assert batch.spent_usd() == pytest.approx(2 * COST_USD)


@pytest.mark.parametrize("count", [1, 3])
async def test_a_journal_write_whose_reply_was_lost_counts_once(batch: Batch, count: int) -> None:
    job = await batch.start(count)
    batch.rpc.skip = count
    batch.rpc.reply_lost = 3
    await batch.generate(job)
    assert batch.spent_usd() == pytest.approx(count * COST_USD)


async def test_a_failed_batch_records_its_cost(batch: Batch) -> None:
    job = await batch.start(3)
    batch.generator.failures = {1: [Rejected("no")]}
    with pytest.raises(Rejected):
        await batch.generate(job)
    assert batch.spent_usd() == pytest.approx(3 * COST_USD)


async def test_nothing_is_paid_for_while_the_scratch_store_refuses_writes(batch: Batch) -> None:
    job = await batch.start(2)
    batch.scratch.full_for_probes = True
    with pytest.raises(Unavailable):
        await batch.generate(job)
    assert not batch.generator.calls


async def test_nothing_is_paid_for_while_the_database_refuses_writes(batch: Batch) -> None:
    job = await batch.start(2)
    batch.rpc.away = 2
    with pytest.raises(Unavailable):
        await batch.generate(job)
    assert not batch.generator.calls


async def test_a_repeated_stage_does_not_pay_for_a_stored_picture(batch: Batch) -> None:
    job = await batch.start(1)
    first = await batch.generate(job)
    again = await batch.generate(job.model_copy(update={"delivery": 1}))
    assert again.pictures == first.pictures
    assert batch.generator.calls.total() == 1


async def test_a_picture_that_arrives_during_a_shutdown_is_stored(batch: Batch) -> None:
    """Given a worker that is stopped while it stores a picture, when the stage runs again, it finds the picture."""
    job = await batch.start(1)
    writing = asyncio.Event()
    write = batch.scratch.write

    async def slow(name: str, data: bytes, *, durable: bool = True) -> None:
        writing.set()
        await asyncio.sleep(0.1)
        await write(name, data, durable=durable)

    batch.scratch.write = slow  # type: ignore[method-assign]
    stage = asyncio.create_task(batch.generate(job))
    await writing.wait()
    stage.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage

    await batch.generate(job.model_copy(update={"delivery": 1}))

    assert batch.generator.calls.total() == 1


async def test_a_picture_whose_copy_failed_is_not_paid_for_again(batch: Batch) -> None:
    job = await batch.start(1)
    batch.generator.by_address = True
    for attempt in range(2):
        with pytest.raises(DarkroomError):
            await batch.generate(job.model_copy(update={"attempt": attempt}))
    assert batch.generator.calls.total() == 1
    assert batch.spent_usd() == pytest.approx(COST_USD)


async def test_a_provider_job_is_resumed_although_the_first_write_of_its_id_failed(batch: Batch) -> None:
    job = await batch.start(1)
    batch.generator.work_id = "w1"
    batch.generator.failures = {0: [Ambiguous("no answer in time")]}
    batch.rpc.skip = 1
    batch.rpc.away = 3
    with pytest.raises(Ambiguous):
        await batch.generate(job)
    await batch.generate(job.model_copy(update={"attempt": 1}))
    assert batch.generator.resumed == [None, ("mock", "w1")]
