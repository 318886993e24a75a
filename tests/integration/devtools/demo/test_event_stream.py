from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commands.outcome import CommandError
from devtools.demo.event_stream import EventStream
from schemas.progress import Progress, Status
from tests.integration.devtools.demo.scripted import error_response, event, event_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.devtools.demo.scripted import Scripted

    Answering = Callable[..., Scripted]

END = event(100, Status.COMPLETED)


async def received_events(service: Scripted) -> list[Progress]:
    async with service.client() as client:
        return [one async for one in EventStream(client, "/tasks/t/events").events()]


async def test_every_event_is_yielded_until_the_terminal_one(service: Answering) -> None:
    answering = service(event_stream(event(5), event(30), END))
    assert await received_events(answering) == [event(5), event(30), END]
    assert len(answering.requests) == 1


async def test_a_dropped_stream_is_resumed_after_the_last_event(service: Answering) -> None:
    answering = service(event_stream(event(5), event(30)), event_stream(END))
    assert await received_events(answering) == [event(5), event(30), END]
    assert "last-event-id" not in answering.requests[0].lower()
    assert "last-event-id: 1.30\r\n" in answering.requests[1].lower()


async def test_an_incomplete_event_is_ignored(service: Answering) -> None:
    answering = service(event_stream(event(5), event(30))[:-20], event_stream(event(30), END))
    assert await received_events(answering) == [event(5), event(30), END]
    assert "last-event-id: 1.5\r\n" in answering.requests[1].lower()


async def test_a_task_that_is_not_ingested_yet_is_retried(service: Answering) -> None:
    answering = service(error_response("404 Not Found"), error_response("404 Not Found"), event_stream(END))
    assert await received_events(answering) == [END]
    assert len(answering.requests) == 3


async def test_the_stream_ends_if_the_terminal_event_was_received_before(service: Answering) -> None:
    answering = service(event_stream(event(5)), b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    assert await received_events(answering) == [event(5)]


async def test_a_permanent_refusal_raises_an_error(service: Answering) -> None:
    with pytest.raises(CommandError, match="answered 401 to /tasks/t/events"):
        await received_events(service(error_response("401 Unauthorized")))
