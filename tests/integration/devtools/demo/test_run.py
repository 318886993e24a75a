from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from commands.outcome import CommandError
from devtools.demo.run import run
from devtools.demo.task import DemoTask
from schemas.common import Product
from schemas.keys import progress
from schemas.progress import Status
from schemas.tasks import TASK_LISTS
from tests.integration.devtools.demo.scripted import error_response, event, event_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

pytestmark = pytest.mark.usefixtures("flush_redis")
ACCEPTED = {
    "task_id": "t2", "session_id": "s2", "credits_used": 1, "request_id": "r", "status_url": "/tasks/t2",
    "events_url": "/tasks/t2/events?signature=x",
}  # fmt: skip


def task(**changes: Any) -> DemoTask:
    given = {"task_id": "t", "session_id": "s", "payload": {"task_id": "t"}} | changes
    return DemoTask(product=Product.TRYON, title="A", channel="b2c", inputs=(), prompt="p", credits=1, **given)


def accepted() -> bytes:
    body = json.dumps(ACCEPTED)
    return f"HTTP/1.1 202 Accepted\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


async def test_a_task_is_pushed_and_followed_by_its_id(
    service: Callable[..., Any], redis_url: str, redis_client: redis.Redis
) -> None:
    answering = service(event_stream(event(100, Status.COMPLETED)))
    (sent,), _ = await run(redis_url, answering, [task()], Console(quiet=True))
    assert sent.sent_by == "pushed"
    assert answering.requests[0].startswith("GET /tasks/t/events ")
    assert redis_client.lrange(TASK_LISTS[Product.TRYON], 0, -1) == [b'{"task_id": "t"}']


async def test_an_ordered_task_is_followed_at_the_returned_url(
    service: Callable[..., Any], redis_url: str, redis_client: redis.Redis
) -> None:
    answering = service(accepted(), event_stream(event(100, Status.COMPLETED)))
    (sent,), _ = await run(redis_url, answering, [task(task_id="", session_id="", ordered=True)], Console(quiet=True))
    assert (sent.task_id, sent.session_id, sent.sent_by) == ("t2", "s2", "over HTTP")
    assert answering.requests[0].startswith("POST /generations ")
    assert answering.requests[1].startswith("GET /tasks/t2/events?signature=x ")
    assert redis_client.llen(TASK_LISTS[Product.TRYON]) == 0


async def test_an_order_that_is_refused_ends_the_demo_with_the_reason(
    service: Callable[..., Any], redis_url: str
) -> None:
    with pytest.raises(CommandError, match="answered 402 to an order"):
        await run(redis_url, service(error_response("402 Payment Required")), [task(ordered=True)], Console(quiet=True))


async def test_waiting_for_a_task_without_workers_times_out(
    service: Callable[..., Any], redis_url: str, redis_client: redis.Redis
) -> None:
    answering = service(error_response("404 Not Found"))
    (sent,), watch = await run(redis_url, answering, [task()], Console(quiet=True), silence_s=0.3)
    assert sent.task_id == "t"
    assert watch.stages_s(0) == {}
    assert not redis_client.exists(progress("t"))
