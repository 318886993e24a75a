"""An HTTP server on the loopback interface with scripted responses, in place of a provider's server."""

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
class ReceivedRequest:
    """One request as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> list[tuple[str, bytes]]:
        """Name and content of the parts of a multipart body, in order."""
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.body)
        parts: Any = message.get_payload()
        return [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts]


@dataclass
class ScriptedServer:
    """The server, its received requests, and the handler that responds to them."""

    handler: Any
    requests: list[ReceivedRequest] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                while True:
                    request = await _read(reader)
                    self.requests.append(request)
                    await self.handler(request, writer)
                    await writer.drain()
            finally:
                writer.close()


async def _read(reader: asyncio.StreamReader) -> ReceivedRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
    return ReceivedRequest(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def respond(writer: asyncio.StreamWriter, status: int, body: Any = None, **headers: str) -> None:
    """Respond with JSON, or with the given bytes; 204 has no body."""
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    if status == HTTPStatus.NO_CONTENT:
        data = b""
    lines = {"content-type": "application/json"}
    if status != HTTPStatus.NO_CONTENT:
        lines["content-length"] = str(len(data))
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + data)


async def hang(_: ReceivedRequest, __: asyncio.StreamWriter) -> None:
    """Never respond."""
    await asyncio.sleep(3600)


async def cut_short(_: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    """Begin a response and abort the connection."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()


async def send_60_mb(_: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
    """Respond with 60 MB, without a Content-Length."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"x" * 1_000_000
    for _number in range(60):
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def always(status: int, body: Any = None, **headers: str) -> Any:
    """Return a handler that responds to every request alike."""

    async def handler(_: ReceivedRequest, writer: asyncio.StreamWriter) -> None:
        respond(writer, status, body, **headers)

    return handler


@contextlib.asynccontextmanager
async def run_server(handler: Any) -> AsyncIterator[ScriptedServer]:
    """Run a server on a free port of the loopback interface."""
    end = ScriptedServer(handler)
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


async def closed_port_url() -> str:
    """Return the URL of a port on which no server listens."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"
