"""HTTP/1.1 with keep-alive, as little of it as our own clients use; connections can also be left hanging or cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

#: 16 inputs of a try-on fit many times, bytes.
MAX_BODY_BYTES = 100_000_000
MAX_HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request; header names are in lower case, `path` holds the segments."""

    method: str
    path: tuple[str, ...]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WireResponse:
    """One answer."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class HangUp(Exception):  # noqa: N818  what is done, not what went wrong
    """The connection is cut instead of answering."""


Answer = Callable[[WireRequest], Awaitable[WireResponse]]


def json(status: int, value: Any, **headers: str) -> WireResponse:
    """An answer in JSON."""
    return WireResponse(
        status, orjson.dumps(value), headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answer the requests of one connection until the client goes away or is hung up on."""
    gone = (HangUp, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
    with contextlib.suppress(*gone):
        while True:
            said = await answer(await _read(reader))
            head = {"content-type": said.content_type, "content-length": str(len(said.body)), **said.headers}
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            phrase = HTTPStatus(said.status).phrase
            writer.write(f"HTTP/1.1 {said.status} {phrase}\r\n{lines}\r\n".encode() + said.body)
            await writer.drain()
    writer.close()


async def _read(reader: asyncio.StreamReader) -> WireRequest:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if length > MAX_BODY_BYTES:
        raise HangUp
    path = tuple(target.partition("?")[0].strip("/").split("/"))
    return WireRequest(method, path, headers, await reader.readexactly(length))
