"""A client light enough to load the HTTP service from the machine that serves it: bare HTTP/1.1 on kept connections."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class HttpLoad:
    """What a load came to.

    Attributes:
        latencies_ms: Of each request, from when it was due.
        statuses: How many answers of each status.
        seconds: How long it took.
    """

    latencies_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def p99_ms(self) -> float:
        """The 99th percentile."""
        return percentile(self.latencies_ms, 0.99)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Over these."""
        self._reader, self._writer = reader, writer

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post JSON; the status and the body."""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(answer.split(None, 2)[1]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def flat_out(port: int, path: str, body: Callable[[int], bytes], *, connections: int, for_s: float) -> HttpLoad:
    """As fast as it goes, `connections` requests at a time, for `for_s` seconds."""
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
    """`per_s` requests a second for `for_s` seconds, whatever the answers take: a late one delays nobody."""
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
    """A connection to the service on this machine."""
    return Connection(*await asyncio.open_connection("127.0.0.1", port))


async def _post(load: HttpLoad, connection: Connection, path: str, body: bytes, due: float) -> None:
    status, _ = await connection.post(path, body)
    load.latencies_ms.append((time.monotonic() - due) * 1000)
    load.statuses[status] = load.statuses.get(status, 0) + 1
