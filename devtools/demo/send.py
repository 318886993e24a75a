"""Send tasks: push to a Redis list, or order over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from commands.outcome import CommandError
from schemas.http import GenerationAccepted
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    import httpx
    import redis.asyncio

    from devtools.demo.task import DemoTask

ORDERS = "/generations"


async def push(client: redis.asyncio.Redis, task: DemoTask) -> DemoTask:
    """Push the task to its Redis list, as a producer in any language does."""
    await client.lpush(TASK_LISTS[task.product], json.dumps(task.payload))
    return replace(task, events_url=f"/tasks/{task.task_id}/events")


async def order(client: httpx.AsyncClient, task: DemoTask) -> DemoTask:
    """Order the task over HTTP: the service charges, creates the session and returns ids and links.

    Raises:
        CommandError: The service refused the order.
    """
    answer = await client.post(ORDERS, json=task.payload)
    if answer.status_code != HTTPStatus.ACCEPTED:
        raise CommandError(f"The HTTP service answered {answer.status_code} to an order: {answer.text}")
    accepted = GenerationAccepted.model_validate_json(answer.content)
    return replace(
        task, task_id=accepted.task_id, session_id=accepted.session_id, events_url=accepted.events_url,
        credits=accepted.credits_used,
    )  # fmt: skip
