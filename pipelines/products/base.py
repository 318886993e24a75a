"""A product: an ordered list of stages, and where its pictures go."""

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
    """What a task asks for, decided when its job starts.

    Attributes:
        prompt: The full prompt for the provider.
        inputs: Addresses of the input pictures, in the producer's order.
        count: How many pictures to make.
        params: What only this product needs later: style, avatar id.
    """

    prompt: str
    inputs: tuple[str, ...] = ()
    count: int = 1
    params: dict[str, str | int | None] | None = None


@dataclass(frozen=True)
class ProductSpec:
    """One product.

    Attributes:
        stages: What its jobs pass through, in order.
        bucket: The storage bucket of its pictures.
        url_lifetime_s: How long the links to them work, seconds.
        width, height: The size asked of the provider, pixels.
        accept: How a payload becomes a row of the waiting room.
        plan: What a payload asks for.
        path: The path in the bucket of the picture with this index, from 0.
        session: Columns of the session row on completion, from the job.
        images: Rows of the `images` table on completion.
        outbox_messages: What is told about an ended job, beside progress and webhooks.
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
    """The producer's request id, or one made from the task's id so that logs can be joined."""
    return task.request_id or f"task_{task.task_id}"
