"""Try-on: one picture of the person in the first photo, dressed as the other photos show."""

from __future__ import annotations

from typing import Any

from pipelines.products.base import Plan, ProductSpec, request_id
from schemas.common import Product, StageName
from schemas.job import Job
from schemas.records import NewTask
from schemas.tasks import TryOnTask

DEFAULT_PROMPT = (
    "Photorealistic virtual try-on. The first image shows the person: keep their face, body, pose and the background "
    "exactly as they are. Dress them in the outfit of the second image and add the accessories of the remaining "
    "images, if any, with natural fit, folds, light and shadow. Show the whole person once, without text or borders."
)


def _accept(task: TryOnTask) -> NewTask:
    return NewTask(
        task_id=task.task_id,
        product=Product.TRYON,
        session_id=task.session_id,
        owner_id=task.owner_id,
        user_id=task.user_id,
        channel=task.channel,
        request_id=request_id(task),
        payload=task.model_dump(mode="json", exclude_none=True),
    )


def _plan(task: TryOnTask) -> Plan:
    return Plan(prompt=task.prompt or DEFAULT_PROMPT, inputs=task.image_urls, producer_prompt=task.prompt)


def _path(job: Job, _index: int) -> str:
    if job.channel == "b2b":
        return f"stores/{job.owner_id}/generated/{job.session_id}.jpg"
    return f"generated/{job.owner_id}/{job.session_id}.jpg"


def _session(job: Job) -> dict[str, Any]:
    return {
        "generated_image_url": job.pictures[0].url,
        "input_tokens": job.input_tokens,
        "output_tokens": job.output_tokens,
        "estimated_cost_usd": job.cost_usd,
    }


TRYON = ProductSpec(
    product=Product.TRYON,
    stages=(
        StageName.FETCH,
        StageName.RESIZE,
        StageName.GENERATE,
        StageName.WATERMARK,
        StageName.UPLOAD,
        StageName.NOTIFY,
    ),
    bucket="virtual-tryon-images",
    url_lifetime_s=6 * 3600,
    width=1024,
    height=1536,
    accept=_accept,
    plan=_plan,
    path=_path,
    session=_session,
)
