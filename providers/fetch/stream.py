"""A connection that is read in large portions.

httpcore asks for 64 KiB at a time; each portion costs it and the libraries below it some thirty calls, which for a
photo of some megabytes was most of what the event loop did.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpcore

#: As much as asyncio's transports receive at once, bytes.
PORTION = 262_144


class WideStream(httpcore.AsyncNetworkStream):
    """Passes everything on to another stream, but reads at least `PORTION` bytes where they have come."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        """Use `inner`, which is closed with this."""
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  httpcore's signature
        """What has come, at least one byte; empty at the end."""
        return await self._inner.read(max(max_bytes, PORTION), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  the same
        """Send all of `buffer`."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  the same
    ) -> httpcore.AsyncNetworkStream:
        """The same connection, encrypted."""
        return WideStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._inner.get_extra_info(info)
