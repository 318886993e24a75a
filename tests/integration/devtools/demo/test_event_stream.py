from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commands.outcome import CommandError
from devtools.demo.event_stream import EventStream
from schemas.progress import Progress, Status
from tests.integration.devtools.demo.scripted import event, refused, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.devtools.demo.scripted import Scripted

    Answering = Callable[..., Scripted]

END = event(100, Status.COMPLETED)


async def seen(service: Scripted) -> list[Progress]:
    async with service.client() as client:
        return [one async for one in EventStream(client, "/tasks/t/events").events()]


async def test_every_event_is_seen_until_the_last(service: Answering) -> None:
    answering = service(told(event(5), event(30), END))
    assert await seen(answering) == [event(5), event(30), END]
    assert len(answering.requests) == 1


async def test_a_dropped_stream_is_opened_again_after_what_was_seen_last(service: Answering) -> None:
    answering = service(told(event(5), event(30)), told(END))
    assert await seen(answering) == [event(5), event(30), END]
    assert "last-event-id" not in answering.requests[0].lower()
    assert "last-event-id: 1.30\r\n" in answering.requests[1].lower()


async def test_half_an_event_counts_as_none(service: Answering) -> None:
    answering = service(told(event(5), event(30))[:-20], told(event(30), END))
    assert await seen(answering) == [event(5), event(30), END]
    assert "last-event-id: 1.5\r\n" in answering.requests[1].lower()


async def test_a_task_that_no_worker_has_taken_in_yet_is_asked_for_again(service: Answering) -> None:
    answering = service(refused("404 Not Found"), refused("404 Not Found"), told(END))
    assert await seen(answering) == [END]
    assert len(answering.requests) == 3


async def test_nothing_follows_where_the_end_was_seen_already(service: Answering) -> None:
    answering = service(told(event(5)), b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    assert await seen(answering) == [event(5)]


async def test_a_refusal_for_good_is_said(service: Answering) -> None:
    with pytest.raises(CommandError, match="answered 401 to /tasks/t/events"):
        await seen(service(refused("401 Unauthorized")))
