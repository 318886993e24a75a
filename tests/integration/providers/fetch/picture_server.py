"""A picture server on loopback that counts its connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from ipaddress import ip_address
from typing import TYPE_CHECKING

from PIL import Image

from providers.fetch import Fetcher, FetchPolicy

if TYPE_CHECKING:
    import ssl

    from providers.safe_http.addresses import IPAddress

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = ("127.0.0.0/8",)


def picture() -> bytes:
    """A JPEG of 60 x 40 pixels."""
    file = BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "JPEG")
    return file.getvalue()


def answer(body: bytes = b"", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """The bytes of an HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class PictureServer:
    """Answers each path by its handler; `requests` holds the head of every request."""

    port: int = 0
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    requests: list[str] = field(default_factory=list)
    routes: dict[str, bytes | Handler] = field(default_factory=dict)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of `path`."""
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if task := asyncio.current_task():
            self._serving.add(task)
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.requests.append(head)
                await self._answer(head.split()[1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.at_once -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def end(self) -> None:
        """Close all connections, and wait until their tasks have ended."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        route = self.routes[path]
        if isinstance(route, bytes):
            writer.write(route)
        else:
            await route(path, writer)
        await writer.drain()


@asynccontextmanager
async def serving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[PictureServer]:
    """A server that is listening."""
    pictures = PictureServer(routes={"/": answer(picture())})
    server = await asyncio.start_server(pictures.serve, host, 0, ssl=tls)
    pictures.port = server.sockets[0].getsockname()[1]
    try:
        yield pictures
    finally:
        server.close()
        await pictures.end()


@asynccontextmanager
async def fetching(
    *answers: list[str], allowed: tuple[str, ...] = LOOPBACK, timeout_s: float = 5.0, max_bytes: int = 200_000
) -> AsyncIterator[Fetcher]:
    """A fetcher; with `answers`, names resolve to them in turn, the last one for ever."""
    turns = list(answers)

    async def resolve(_host: str) -> list[IPAddress]:
        return [ip_address(text) for text in (turns.pop(0) if len(turns) > 1 else turns[0])]

    policy = FetchPolicy(allowed_networks=allowed, timeout_s=timeout_s, max_bytes=max_bytes)
    fetcher = Fetcher(policy, resolve=resolve if answers else None)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()
