"""The specification of a product: its stages and the rules for its tasks, sessions and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.common import Product, StageName
from schemas.delivery import OutboxMessage
from schemas.job import Job
from schemas.records import NewTask
from schemas.tasks import AnyTask


@dataclass(frozen=True)
class Plan:
    """The work of a job, derived from its task when the job starts.

    Attributes:
        prompt: The full prompt for the provider.
        producer_prompt: The part of it that the producer wrote; empty if there is none.
        inputs: Addresses of the input pictures, in the producer's order.
        count: Number of pictures.
        params: Product-specific values for later stages: style, avatar id.
    """

    prompt: str
    inputs: tuple[str, ...] = ()
    count: int = 1
    params: dict[str, str | int | None] | None = None
    producer_prompt: str = ""


@dataclass(frozen=True)
class ProductSpec:
    """The specification of one product.

    Attributes:
        stages: The stages of its jobs, in order.
        bucket: The storage bucket of its pictures.
        url_lifetime_s: Lifetime of the signed links, in seconds.
        width, height: The size requested from the provider, in pixels.
        accept: Returns the new row of `darkroom_jobs` for a payload.
        plan: Returns the plan for a payload.
        path: Returns the path in the bucket of the picture with this index, from 0.
        session: Returns the columns of the session row on completion.
        images: Returns the rows of the `images` table on completion.
        outbox_messages: Returns the deliveries of a finished job, except the result event for webhooks.
        watermarked: Whether its pictures always carry the watermark.
    """

    product: Product
    stages: tuple[StageName, ...]
    bucket: str
    url_lifetime_s: int
    width: int
    height: int
    accept: Callable[[Any], NewTask]
    plan: Callable[[Any], Plan]
    path: Callable[[Job, int], str]
    session: Callable[[Job], dict[str, Any]]
    images: Callable[[Job], list[dict[str, Any]]] = lambda _: []
    outbox_messages: Callable[[Job], list[OutboxMessage]] = lambda _: []
    watermarked: bool = False


def request_id(task: AnyTask) -> str:
    """Return the producer's request id, or else one derived from the task id."""
    return task.request_id or f"task_{task.task_id}"
