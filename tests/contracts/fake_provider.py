"""The fakes of devtools, served on the loopback interface in the process of a test."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devtools.chaos.provider import Behaviour
from devtools.chaos.provider.server import Server
from devtools.chaos.provider.wire import MAX_HEAD_BYTES, WireRequest, WireResponse, converse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class FakeProvider:
    """The server, its address, and the requests that it received."""

    server: Server
    url: str = ""
    asked: list[WireRequest] = field(default_factory=list)

    def behave(self, **shares: float) -> None:
        """Treat new calls so."""
        self.server.call_log.behaviour = Behaviour.model_validate({"latency_s": 0} | shares)

    def paid(self, kind: str) -> int:
        """Number of billed calls."""
        return sum(self.server.call_log.report()[kind]["paid"].values())

    def calls(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(asked.method, "/" + "/".join(asked.path)) for asked in self.asked]

    async def answer(self, asked: WireRequest) -> WireResponse:
        self.asked.append(asked)
        return await self.server.answer(asked)


@asynccontextmanager
async def fake_provider(**shares: float) -> AsyncIterator[FakeProvider]:
    fake = FakeProvider(Server(0))
    fake.behave(**shares)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await converse(reader, writer, fake.answer)
        except asyncio.CancelledError:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
