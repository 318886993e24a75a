"""A minimal HTTP/1.1 server with keep-alive, which can also leave requests unanswered or close connections early."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import Any

import orjson

#: Far more than the 16 inputs of a try-on.
MAX_BODY_BYTES = 100_000_000
MAX_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request; header names are lower-case, `path` holds the segments."""

    method: str
    path: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    query: str = ""


@dataclass(frozen=True, slots=True)
class WireResponse:
    """A response."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class HangUp(Exception):  # noqa: N818  an instruction, not an error
    """Close the connection without a response."""


AnswerRequest = Callable[[WireRequest], Awaitable[WireResponse]]


def json(status: int, value: Any, **headers: str) -> WireResponse:
    """Return a JSON response."""
    return WireResponse(
        status, orjson.dumps(value), headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: AnswerRequest) -> None:
    """Answer the requests of one connection until either side closes it."""
    closed = (HangUp, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
    with contextlib.suppress(*closed):
        while True:
            response = await answer(await _read(reader))
            body = response.body
            head = {"content-type": response.content_type, "content-length": str(len(body)), **response.headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            phrase = responses.get(response.status, "Unknown")
            writer.write(f"HTTP/1.1 {response.status} {phrase}\r\n{lines}\r\n".encode() + body)
            await writer.drain()
    writer.close()


async def _read(reader: asyncio.StreamReader) -> WireRequest:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if length > MAX_BODY_BYTES:
        raise HangUp
    location, _, query = target.partition("?")
    path = tuple(location.strip("/").split("/"))
    return WireRequest(method, path, headers, await reader.readexactly(length), query)
