"""A provider's far end on the loopback: an HTTP server that says exactly what it is told, or nothing at all."""

from __future__ import annotations

import asyncio
import contextlib
import email
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> list[tuple[str, bytes]]:
        """The parts of a multipart body: name and content, in order."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.body)
        parts: Any = message.get_payload()
        return [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]


@dataclass
class FarEnd:
    """The server: what it was asked, and how it answers."""

    handler: Any
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                while True:
                    asked = await _read(reader)
                    self.asked.append(asked)
                    await self.handler(asked, writer)
                    await writer.drain()
            finally:
                writer.close()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def say(writer: asyncio.StreamWriter, status: int, body: Any = None, **headers: str) -> None:
    """Answer with JSON, or with bytes as they are; 204 has no body."""
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    if status == HTTPStatus.NO_CONTENT:
        data = b""
    lines = {"content-type": "application/json"}
    if status != HTTPStatus.NO_CONTENT:
        lines["content-length"] = str(len(data))
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + data)


async def hang(_: Asked, __: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def cut(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Begin an answer and break the connection."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()


async def flood(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer with 60 MB, without saying so before."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"x" * 1_000_000
    for _number in range(60):
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def always(status: int, body: Any = None, **headers: str) -> Any:
    """The same answer to everything."""

    async def handler(_: Asked, writer: asyncio.StreamWriter) -> None:
        say(writer, status, body, **headers)

    return handler


@contextlib.asynccontextmanager
async def far_end(handler: Any) -> AsyncIterator[FarEnd]:
    """Serve on a free port of the loopback."""
    end = FarEnd(handler)
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        await end.serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=2**20)
    end.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield end
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def nobody_listens() -> str:
    """The address of a port that nobody listens on."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"
