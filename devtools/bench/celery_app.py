"""A Celery application for comparison: one task calls the stages' functions one after another.

`manage.py bench` starts it as `celery --app devtools.bench.celery_app worker`, with the environment of our workers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import worker_process_init

from actors.app import create, service_urls
from actors.services import Services, make_services
from pipelines.control.database_contact import DatabaseContact
from pipelines.engine.running_jobs import RunningJobs
from pipelines.stages.fetch import fetch_inputs
from pipelines.stages.notify import publish_outcome
from pipelines.stages.resize import resize_inputs
from pipelines.stages.upload import upload_pictures
from pipelines.stages.watermark import finish_pictures
from providers.records.connect import connect
from schemas.job import Job
from settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TASK = "everything"

settings = load()
redis_url, database_url = service_urls(settings)

app = Celery("bench", broker=redis_url.replace("unix://", "redis+socket://"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)

run: Callable[[Awaitable[None]], None]
services: Services


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no annotations
def prepare(**_: Any) -> None:
    """Create the event loop and the services of a process, after the fork."""
    global run, services  # noqa: PLW0603  Celery has no other per-process storage
    run = asyncio.new_event_loop().run_until_complete
    services = make_services(settings, create(settings), redis_url, connect(
        database_url=database_url, supabase_url=None, supabase_key=None, max_connections=1), RunningJobs(),
        DatabaseContact(settings.lease_s), "celery",
    )  # fmt: skip


@app.task(name=TASK)  # type: ignore[untyped-decorator]  # the same
def everything(payload: dict[str, Any]) -> None:
    """Run all stages of one try-on."""
    run(_everything(Job.model_validate(payload)))


async def _everything(job: Job) -> None:
    use = services
    job = await fetch_inputs(job, fetcher=use.fetcher, scratch=use.scratch)
    job = await resize_inputs(
        job,
        scratch=use.scratch,
        decoders=use.decoders,
        max_px=settings.input_max_px,
        max_pixels=settings.fetch_max_pixels,
    )
    job = await use.generate[job.product](job)
    job = await finish_pictures(
        job, scratch=use.scratch, decoders=use.decoders, text=None, credit=settings.credit_line,
        max_pixels=settings.fetch_max_pixels,
    )  # fmt: skip
    job = await upload_pictures(job, scratch=use.scratch, storage=use.storage, records=use.records)
    await publish_outcome(
        # The event loop of this process stops with the task: the job is released at once, not in a batch.
        job.model_copy(update={"deliveries": None}), progress=use.progress, scratch=use.scratch,
        deliveries=use.records.outbox, releases=use.releases, wakeup=use.wakeup,
    )  # fmt: skip
