"""A TCP connection for httpcore, straight from asyncio.

httpcore's own comes through anyio, whose cancel scopes and checkpoints around every call were a third of what a small
picture cost; and it is read 64 KiB at a time, which was most of what a large one cost.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import httpcore

#: Read at once, bytes: as much as asyncio's transports receive.
PORTION = 262_144


class Stream(httpcore.AsyncNetworkStream):
    """Reads at least `PORTION` bytes where they have come. Deadlines are the fetcher's: no call has one of its own."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, below: Stream | None = None
    ) -> None:
        """Use an open connection, which is closed with this; `below` is the one that it is carried by."""
        self._reader = reader
        self._writer = writer
        # A writer that nobody holds any more closes its connection.
        self._below = below

    @classmethod
    async def connect(cls, address: str, port: int, *, timeout_s: float) -> Stream:
        """Connect to a numeric address.

        Raises:
            OSError, TimeoutError: It does not answer.
        """
        async with asyncio.timeout(timeout_s):
            return cls(*await asyncio.open_connection(address, port, limit=PORTION))

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109  httpcore's signature
        """What has come, at least one byte; empty at the end.

        Raises:
            httpcore.ReadError: The connection broke.
        """
        try:
            return await self._reader.read(max(max_bytes, PORTION))
        except OSError as error:
            raise httpcore.ReadError(type(error).__name__) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109  the same
        """Send all of `buffer`.

        Raises:
            httpcore.WriteError: The connection broke.
        """
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(type(error).__name__) from error

    async def aclose(self) -> None:
        """Close the connection at once: a server that does not say goodbye is not waited for."""
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  the same
    ) -> Stream:
        """The same connection, encrypted.

        Raises:
            httpcore.ConnectError: The other side is not who it should be, or does not speak TLS.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=PORTION)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport = await loop.start_tls(
                self._writer.transport, protocol, ssl_context, server_hostname=server_hostname
            )
        except OSError as error:
            raise httpcore.ConnectError(type(error).__name__) from error
        if transport is None:
            raise httpcore.ConnectError("closed while TLS was set up")
        reader.set_transport(transport)
        return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop), below=self)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._writer.get_extra_info(info)
