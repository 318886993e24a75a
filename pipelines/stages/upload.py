"""Upload: store the pictures in the object storage and complete the job."""

from __future__ import annotations

from functools import partial
from typing import Any

from pipelines.products import PRODUCTS
from pipelines.retrying.unavailable import retry_while_unavailable
from pipelines.stages.notify import outbox_messages
from pipelines.stages.resize import read_scratch
from providers.records import Records
from providers.scratch.base import Scratch
from providers.storage.base import Storage
from schemas.errors import Cancelled, Fenced
from schemas.job import Failure, Job
from schemas.records import Completion


async def upload_pictures(job: Job, *, scratch: Scratch, storage: Storage, records: Records) -> Job:
    """Store every picture under its deterministic path, then complete the job.

    Each step is retried while the storage, the scratch store or the database is unavailable and this worker owns the
    job.

    Raises:
        Invalid: The storage refuses the picture.
        Fenced: Another worker owns the job.

    Returns:
        The job with its stored pictures; with a failure if the session was ended elsewhere in the meantime.
    """
    spec = PRODUCTS[job.product]
    pictures = []
    for index, picture in enumerate(job.pictures):
        path = spec.path(job, index)
        data = await retry_while_unavailable(partial(read_scratch, scratch, picture.scratch or ""))
        await retry_while_unavailable(partial(storage.put, spec.bucket, path, data))
        url = await retry_while_unavailable(
            partial(storage.signed_url, spec.bucket, path, lifetime_s=spec.url_lifetime_s)
        )
        pictures.append(picture.model_copy(update={"path": path, "url": url}))
    job = job.model_copy(update={"pictures": tuple(pictures)})
    done = await retry_while_unavailable(
        lambda: records.complete(
            job.task_id,
            job.token,
            outcome=_outcome(job),
            session=spec.session(job),
            images=spec.images(job),
            deliveries=outbox_messages(job),
        )
    )
    if done.completion is Completion.FENCED:
        raise Fenced("another worker took over the job before its completion")
    if done.completion is Completion.ENDED:
        # `darkroom_complete` has cancelled the job; only its notification is left.
        return job.model_copy(update={"failure": Failure(code="session_ended", message=Cancelled().public_message)})
    return job.model_copy(update={"deliveries": done.deliveries})


def _outcome(job: Job) -> dict[str, Any]:
    return {
        "pictures": [
            picture.model_dump(mode="json", exclude={"scratch", "source_url"}, exclude_none=True)
            for picture in job.pictures
        ],
        "calls": [call.model_dump(mode="json") for call in job.calls],
        "input_tokens": job.input_tokens,
        "output_tokens": job.output_tokens,
        "cost_usd": job.cost_usd,
    }
