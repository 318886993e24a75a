"""Notify: tell whoever waits. It comes after the outcome and never changes it."""

from __future__ import annotations

from providers.progress import ProgressLog
from providers.records import Records
from providers.scratch.base import Scratch
from schemas.job import Job
from schemas.progress import Progress, Status


async def notify_everybody(job: Job, *, progress: ProgressLog, scratch: Scratch, records: Records) -> Job:
    """Publish the last event, forget the bytes, and close the books.

    Raises:
        Unavailable: Something can't be reached; whoever was told already is not told again.
    """
    await progress.publish(_last_event(job))
    await scratch.delete_task(job.task_id)
    await records.notified(job.task_id, job.token)
    return job


def _last_event(job: Job) -> Progress:
    ids = {"task_id": job.task_id, "session_id": job.session_id, "run": job.run, "attempt": job.token}
    if job.failure is not None:
        return Progress(
            status=Status.FAILED, progress=0, message=job.failure.message, code=job.failure.code, stage="notify", **ids
        )
    urls = tuple(picture.url for picture in job.pictures if picture.url)
    return Progress(status=Status.COMPLETED, progress=100, message="Completed", result_urls=urls, stage="notify", **ids)
