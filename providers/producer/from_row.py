"""For callers that have created the row of an image job: push its task, the rest read from the database.

```python
from providers.producer.from_row import generate_images_task

generate_images_task(job_id, "a ceramic mug", 4)
```

Imports neither Dramatiq nor a provider. Reads `DATABASE_URL`, or `SUPABASE_URL` and `SUPABASE_SERVICE_ROLE_KEY`, and
pushes to `REDIS_URL`, all from the environment, as `providers.producer.producer` does.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from pydantic import SecretStr

from providers.producer.producer import enqueue_images
from providers.records.connect import connect
from schemas.delivery import ImagesJob
from schemas.errors import Invalid
from schemas.tasks import Style

#: Seconds for reading the row: a web request may wait for this.
TIMEOUT_S = 5.0


def generate_images_task(
    job_id: str, prompt: str, count: int, *, reference_image_url: str | None = None, request_id: str | None = None
) -> str:
    """Push the task of an image job whose row exists; returns its task id. Pushing a job twice runs it once.

    Args:
        job_id: The row's id in `image_generation_jobs`.
        prompt: What is to be seen.
        count: How many pictures, 1 to 10.
        reference_image_url: A picture of the product.
        request_id: Passed on to every log line of the job.

    Raises:
        Invalid: There is no such row (`unknown_job`), or no database is set.
        DatabaseUnavailable: The row can't be read now.
        pydantic.ValidationError: Naming every fault of the arguments and of the row.
        QueueUnavailable: Redis can't take it.
    """
    # A thread of its own: the caller may be inside an event loop.
    with ThreadPoolExecutor(1) as thread:
        row = thread.submit(asyncio.run, _row(job_id)).result()
    return enqueue_images(
        job_id=job_id,
        workspace_id=row.workspace_id,
        prompt=prompt,
        style_id=(row.style_id or Style.MODERN).lower(),
        count=count,
        reference_image_url=reference_image_url,
        user_id=row.user_id,
        task_id=row.task_id or job_id,
        request_id=request_id,
    )


async def _row(job_id: str) -> ImagesJob:
    key = os.environ.get("SUPABASE_SERVICE_ROLE_KEY")
    records = connect(
        database_url=os.environ.get("DATABASE_URL"),
        supabase_url=os.environ.get("SUPABASE_URL"),
        supabase_key=SecretStr(key) if key else None,
        timeout_s=TIMEOUT_S,
        max_connections=1,
    )
    try:
        row = await records.outbox.images_job(job_id)
    finally:
        await records.aclose()
    if row is None:
        raise Invalid("there is no such image job", code="unknown_job")
    return row
