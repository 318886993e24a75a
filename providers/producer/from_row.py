"""Enqueue the task of an image job from its existing row; the remaining fields are read from the database.

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

#: Seconds for reading the row, short enough for a web request.
TIMEOUT_S = 5.0


def generate_images_task(
    job_id: str, prompt: str, count: int, *, reference_image_url: str | None = None, request_id: str | None = None
) -> str:
    """Push the task of an image job whose row exists and return its task id. Pushing a job twice runs it once.

    Args:
        job_id: The row's id in `image_generation_jobs`.
        prompt: Description of the pictures.
        count: Number of pictures, 1 to 10.
        reference_image_url: URL of a picture of the product.
        request_id: Correlation id in every log line of the job.

    Raises:
        Invalid: The row does not exist (`unknown_job`), or no database is configured.
        DatabaseUnavailable: The database is unavailable.
        pydantic.ValidationError: The arguments or the row are invalid; lists every error.
        QueueUnavailable: Redis is unavailable.
    """
    # In a thread, because the caller may run inside an event loop.
    with ThreadPoolExecutor(1) as thread:
        row = thread.submit(asyncio.run, _read_row(job_id)).result()
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


async def _read_row(job_id: str) -> ImagesJob:
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
