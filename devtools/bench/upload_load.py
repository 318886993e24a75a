"""Repeat uploads over keep-alive connections, and time them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

from commands.outcome import CommandError

_BOUNDARY = "darkroom-upload"
_OK = f"HTTP/1.1 {HTTPStatus.OK.value} ".encode()


@dataclass(frozen=True, slots=True)
class UploadLoad:
    """Result of one or more loads.

    Attributes:
        seconds: Total duration.
        durations_s: Duration of each request, seconds.
    """

    seconds: float = 0.0
    durations_s: tuple[float, ...] = ()

    def __add__(self, other: UploadLoad) -> UploadLoad:
        """Add up two loads that ran one after the other."""
        return UploadLoad(self.seconds + other.seconds, self.durations_s + other.durations_s)

    @property
    def per_s(self) -> float:
        """Requests per second."""
        return len(self.durations_s) / self.seconds

    @property
    def p95_ms(self) -> float:
        """The 95th percentile of the durations, milliseconds."""
        return quantiles(self.durations_s, n=20)[-1] * 1000


async def upload(host: str, port: int, request: bytes, *, requests: int, concurrency: int) -> UploadLoad:
    """Send `request` (see `form_request`) `requests` times, `concurrency` at a time.

    Raises:
        CommandError: A response's status is not 200.
        OSError: The service is unreachable.
    """
    left, durations = iter(range(requests)), list[float]()
    started = time.monotonic()
    await asyncio.gather(*(_client(host, port, request, left, durations) for _ in range(concurrency)))
    return UploadLoad(time.monotonic() - started, tuple(durations))


def form_request(host: str, path: str, picture: bytes, fields: dict[str, str]) -> bytes:
    """Return an HTTP/1.1 request that uploads `picture` as the part `image`."""
    texts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    image = b'Content-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n' + picture
    body = b"".join(b"--%b\r\n%b\r\n" % (_BOUNDARY.encode(), part) for part in (*texts, image))
    body += b"--%b--\r\n" % _BOUNDARY.encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n".encode() + body


async def _client(host: str, port: int, request: bytes, left: Iterator[int], durations: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for _ in left:  # shared by all clients
            started = time.monotonic()
            writer.write(request)
            await _read_response(reader)
            durations.append(time.monotonic() - started)
    finally:
        writer.close()


async def _read_response(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(_OK):
        raise CommandError(f"An upload got the status {head[9:12].decode()}: {body[:200].decode(errors='replace')}")
