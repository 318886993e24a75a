from __future__ import annotations

from typing import Any

import pytest

from api.body import Receive, bounded, receive_at_most
from api.orders.cursors import decode, encode
from api.problems import Problem


def source(*events: dict[str, Any]) -> Receive:
    left = list(events)

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


GONE = {"type": "http.disconnect"}


async def test_a_complete_body_may_be_followed_by_a_disconnect() -> None:
    receive = bounded(source(part(b"12"), part(b"3", more=False), GONE), 3)
    assert [(await receive()).get("body") for _ in range(3)] == [b"12", b"3", None]


async def test_a_body_that_ends_early_is_refused() -> None:
    receive = bounded(source(part(b"12"), GONE), 3)
    await receive()
    with pytest.raises(Problem, match="body_incomplete"):
        await receive()


async def test_a_body_is_refused_at_the_first_byte_beyond_the_limit() -> None:
    receive = bounded(source(part(b"12"), part(b"34")), 3)
    await receive()
    with pytest.raises(Problem, match="body_too_large"):
        await receive()


def test_a_cursor_decodes_to_the_end_of_its_page() -> None:
    at, session_id = decode(encode("2026-01-02T03:04:05.678901+00:00", "s-1"))
    assert (at, session_id) == ("2026-01-02T03:04:05.678901+00:00", "s-1")


@pytest.mark.parametrize("cursor", ["abc", "WzEsMl0", "bnVsbA", "WyIyMDI2LTAxLTAxIiwiYSciXQ"])
def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Problem, match="cursor_invalid"):
        decode(cursor)


class Part:
    """A body that records how much of it was read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.given = 0

    async def read(self, size: int | None = None, /) -> bytes:
        taken = min(self.left, size or self.left, 4096)
        self.left -= taken
        self.given += taken
        return b"x" * taken


async def test_a_body_without_a_declared_length_is_received_up_to_the_limit() -> None:
    whole, large = Part(10_000), Part(16_000_000)
    assert await receive_at_most(whole, 10_000) == b"x" * 10_000
    with pytest.raises(Problem, match="body_too_large"):
        await receive_at_most(large, 10_000)
    assert large.given == 10_001
