"""Notify: publish the outcome of a job, without ever changing it.

The last progress event is published here. Messages to chats, the audit log and webhooks are only enqueued in the
outbox: the outbox dispatcher delivers them, so that a slow or broken receiver delays no other job.
"""

from __future__ import annotations

import structlog

from pipelines.delivery.result_message import result_message
from pipelines.products import PRODUCTS
from providers.delivery.wakeup import DeliveryWakeup, DeliveryWakeupUnavailable
from providers.progress import ProgressLog
from providers.records.outbox import Outbox
from providers.records.releases import Releases
from providers.scratch.base import Scratch
from schemas.delivery import OutboxMessage
from schemas.job import Job
from schemas.progress import Progress, Status

log = structlog.get_logger(__name__)


async def publish_outcome(  # noqa: PLR0913  the services of the stage
    job: Job, *, progress: ProgressLog, scratch: Scratch, deliveries: Outbox, releases: Releases, wakeup: DeliveryWakeup
) -> Job:
    """Publish the last event, delete the scratch files, enqueue the deliveries and release the job.

    Raises:
        Unavailable: A service can't be reached. Repeating the call repeats no event and no delivery.
    """
    await progress.publish(_last_event(job))
    await scratch.delete_task(job.task_id)
    enqueued = job.deliveries
    if enqueued is None:
        enqueued = await deliveries.enqueue(job.task_id, job.token, outbox_messages(job))
    else:
        releases.add(job.task_id, job.token)
    if enqueued:
        await _wake_dispatchers(wakeup)
    return job


def outbox_messages(job: Job) -> list[OutboxMessage]:
    """Return all outbox messages of a finished job."""
    return [*PRODUCTS[job.product].outbox_messages(job), result_message(job)]


async def _wake_dispatchers(wakeup: DeliveryWakeup) -> None:
    try:
        await wakeup.notify()
    except DeliveryWakeupUnavailable as error:
        # Outbox dispatchers also poll every second.
        log.warning("delivery_wakeup_failed", error=str(error))


def _last_event(job: Job) -> Progress:
    ids = {"task_id": job.task_id, "session_id": job.session_id, "run": job.run, "attempt": job.token}
    if job.failure is not None:
        return Progress(
            status=Status.FAILED, progress=0, message=job.failure.message, code=job.failure.code, stage="notify", **ids
        )
    urls = tuple(picture.url for picture in job.pictures if picture.url)
    return Progress(status=Status.COMPLETED, progress=100, message="Completed", result_urls=urls, stage="notify", **ids)
