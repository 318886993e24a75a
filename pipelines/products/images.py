"""Images: one to ten product pictures in a chosen style, as one job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.products.base import Plan, ProductSpec, request_id
from pipelines.products.quoting import plain
from schemas.common import MAX_PROMPT_CHARS, Product, StageName
from schemas.job import Job
from schemas.records import NewTask
from schemas.tasks import ImagesTask, Style

#: The only channel of this product, as in `darkroom_session_tables`.
CHANNEL = "workspace"
#: Prompt text of each style. A new style needs an entry in that file and a member of `Style`.
STYLES: dict[Style, str] = {
    Style(name): text for name, text in json.loads(Path(__file__).with_name("styles.json").read_text()).items()
}
_REFERENCE = "Show the very product of the given picture: keep its shape, colours, label and proportions."
_CLOSING = "Photorealistic, the whole product in view, no added text, watermark or frame."


def _accept(task: ImagesTask) -> NewTask:
    return NewTask(
        task_id=task.task_id,
        product=Product.IMAGES,
        session_id=task.job_id,
        owner_id=task.workspace_id,
        user_id=task.user_id,
        channel=CHANNEL,
        request_id=request_id(task),
        payload=task.model_dump(mode="json", exclude_none=True),
    )


def _plan(task: ImagesTask) -> Plan:
    reference = task.reference_image_url
    lines = [f"Product: {plain(task.prompt, MAX_PROMPT_CHARS)}", STYLES[task.style_id]]
    lines += [_REFERENCE] if reference else []
    return Plan(
        prompt="\n".join([*lines, _CLOSING]),
        inputs=(reference,) if reference else (),
        count=task.count,
        params={"style": task.style_id.value},
        producer_prompt=task.prompt,
    )


def _session(job: Job) -> dict[str, Any]:
    return {"progress": 100, "result_urls": [picture.url for picture in job.pictures]}


def _images(job: Job) -> list[dict[str, Any]]:
    return [
        {
            "workspace_id": job.owner_id,
            "generation_job_id": job.session_id,
            "filename": f"{index}.jpg",
            "original_url": picture.url,
            "processed_url": picture.url,
            "file_size": picture.size_bytes,
            "width": picture.width,
            "height": picture.height,
            "format": "jpeg",
        }
        for index, picture in enumerate(job.pictures)
    ]


IMAGES = ProductSpec(
    product=Product.IMAGES,
    stages=(
        StageName.FETCH,
        StageName.RESIZE,
        StageName.GENERATE,
        StageName.WATERMARK,
        StageName.UPLOAD,
        StageName.NOTIFY,
    ),
    bucket="images",
    url_lifetime_s=24 * 3600,
    width=1024,
    height=1024,
    accept=_accept,
    plan=_plan,
    path=lambda job, index: f"{job.owner_id}/{job.session_id}/{index}.jpg",
    session=_session,
    images=_images,
)
