"""Notify: tell whoever waits. It comes after the outcome and never changes it.

Subscribers are told here. What goes to a chat, the audit log or a shop's webhook is only handed over: it is delivered
by the courier, on its own, so that a slow or broken receiver holds up nobody.
"""

from __future__ import annotations

import structlog

from pipelines.delivery.result_message import result_message
from pipelines.products import PRODUCTS
from providers.delivery.wakeup import DeliveryWakeup, DeliveryWakeupUnavailable
from providers.progress import ProgressLog
from providers.records.outbox import Outbox
from providers.scratch.base import Scratch
from schemas.delivery import OutboxMessage
from schemas.job import Job
from schemas.progress import Progress, Status

log = structlog.get_logger(__name__)


async def notify_everybody(
    job: Job, *, progress: ProgressLog, scratch: Scratch, deliveries: Outbox, wakeup: DeliveryWakeup
) -> Job:
    """Publish the last event, forget the bytes, hand over what is to be delivered, and close the books.

    Raises:
        Unavailable: Something can't be reached; whoever was told already is not told again.
    """
    await progress.publish(_last_event(job))
    await scratch.delete_task(job.task_id)
    if await deliveries.enqueue(job.task_id, job.token, outbox_messages(job)):
        await _ring(wakeup)
    return job


def outbox_messages(job: Job) -> list[OutboxMessage]:
    """Everything that is to be delivered about an ended job."""
    return [*PRODUCTS[job.product].outbox_messages(job), result_message(job)]


async def _ring(wakeup: DeliveryWakeup) -> None:
    try:
        await wakeup.notify()
    except DeliveryWakeupUnavailable as error:
        # The couriers look by themselves every second.
        log.warning("delivery_wakeup_failed", error=str(error))


def _last_event(job: Job) -> Progress:
    ids = {"task_id": job.task_id, "session_id": job.session_id, "run": job.run, "attempt": job.token}
    if job.failure is not None:
        return Progress(
            status=Status.FAILED, progress=0, message=job.failure.message, code=job.failure.code, stage="notify", **ids
        )
    urls = tuple(picture.url for picture in job.pictures if picture.url)
    return Progress(status=Status.COMPLETED, progress=100, message="Completed", result_urls=urls, stage="notify", **ids)
