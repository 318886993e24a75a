"""A minimal HTTP/1.1 client with keep-alive, cheap enough to run on the machine of the service it loads."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devtools.bench.percentiles import percentile

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class HttpLoad:
    """Result of one load.

    Attributes:
        latencies_ms: Milliseconds of each request, from its due time.
        statuses: Number of responses by status.
        seconds: Duration of the load.
    """

    latencies_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        """Responses per second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def p99_ms(self) -> float:
        """The 99th percentile of the latencies, milliseconds."""
        return percentile(self.latencies_ms, 0.99)


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use an open connection."""
        self._reader, self._writer = reader, writer

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post a JSON body; return the status and the body of the response."""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(answer.split(None, 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def saturate(port: int, path: str, body: Callable[[int], bytes], *, connections: int, for_s: float) -> HttpLoad:
    """Post as fast as possible for `for_s` seconds, `connections` requests at a time."""
    load, numbers, until = HttpLoad(), itertools.count(), time.monotonic() + for_s

    async def keep_posting() -> None:
        connection = await connect(port)
        while (due := time.monotonic()) < until:
            await _post(load, connection, path, body(next(numbers)), due)
        connection.close()

    started = time.monotonic()
    await asyncio.gather(*(keep_posting() for _ in range(connections)))
    load.seconds = time.monotonic() - started
    return load


async def steady(port: int, path: str, body: Callable[[int], bytes], *, per_s: float, for_s: float) -> HttpLoad:
    """Post `per_s` requests per second for `for_s` seconds; a slow response does not delay later requests."""
    load = HttpLoad()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(32):
        idle.put_nowait(await connect(port))
    started = time.monotonic()

    async def post(number: int) -> None:
        due = started + number / per_s
        await asyncio.sleep(due - time.monotonic())
        connection = await idle.get()
        await _post(load, connection, path, body(number), due)
        idle.put_nowait(connection)

    await asyncio.gather(*(post(number) for number in range(int(per_s * for_s))))
    load.seconds = time.monotonic() - started
    while not idle.empty():
        idle.get_nowait().close()
    return load


async def connect(port: int) -> Connection:
    """Connect to the service on this machine."""
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


async def _post(load: HttpLoad, connection: Connection, path: str, body: bytes, due: float) -> None:
    status, _ = await connection.post(path, body)
    load.latencies_ms.append((time.monotonic() - due) * 1000)
    load.statuses[status] = load.statuses.get(status, 0) + 1
