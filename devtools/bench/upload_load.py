"""Keeps a number of uploads going over connections that stay open, and times them."""

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
    """What came of one or more loads.

    Attributes:
        seconds: How long they took altogether.
        durations_s: How long each request took, seconds.
    """

    seconds: float = 0.0
    durations_s: tuple[float, ...] = ()

    def __add__(self, other: UploadLoad) -> UploadLoad:
        """One after the other."""
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
        CommandError: One was not answered with 200.
        OSError: The service is gone.
    """
    left, durations = iter(range(requests)), list[float]()
    started = time.monotonic()
    await asyncio.gather(*(_client(host, port, request, left, durations) for _ in range(concurrency)))
    return UploadLoad(time.monotonic() - started, tuple(durations))


def form_request(host: str, path: str, picture: bytes, fields: dict[str, str]) -> bytes:
    """An HTTP/1.1 request that uploads `picture` as the part `image`."""
    texts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    image = b'Content-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n' + picture
    body = b"".join(b"--%b\r\n%b\r\n" % (_BOUNDARY.encode(), part) for part in (*texts, image))
    body += b"--%b--\r\n" % _BOUNDARY.encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n".encode() + body


async def _client(host: str, port: int, request: bytes, left: Iterator[int], durations: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for _ in left:  # shared by all
            started = time.monotonic()
            writer.write(request)
            await _answer(reader)
            durations.append(time.monotonic() - started)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(_OK):
        raise CommandError(f"an upload was answered with {head[9:12].decode()}: {body[:200].decode(errors='replace')}")
