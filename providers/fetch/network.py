"""Connections that go only to addresses which were checked.

The check sits where the socket is opened, so there is no second resolution that could answer differently. httpcore
still knows the connection by its host name: TLS asks for that name and verifies it, the Host header carries it, and a
connection is only ever reused for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import httpcore

from providers.fetch.addresses import IPAddress, IPNetwork, may_connect
from providers.fetch.resolve import Resolve
from providers.fetch.stream import Stream

_SocketOption: TypeAlias = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

#: Seconds for one address before the next is tried, and how many are tried: within a fetch's total deadline.
_CONNECT_S = 3.0
_MAX_ADDRESSES = 3


class AddressRefusedError(Exception):
    """The host has an address that may not be connected to."""


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Opens TCP connections for httpcore's pool, to public and allowed addresses only."""

    def __init__(self, allowed: tuple[IPNetwork, ...], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  httpcore's signature; the deadline is the fetcher's
        local_address: str | None = None,  # noqa: ARG002  the same
        socket_options: Iterable[_SocketOption] | None = None,  # noqa: ARG002  the same
    ) -> httpcore.AsyncNetworkStream:
        """Resolve once, check every answer, connect to one of them.

        Raises:
            AddressRefusedError: Any of the host's addresses may not be connected to.
            httpcore.ConnectError: None of them answers, or the host has none.
        """
        last: OSError | None = None
        for address in (await self._checked(host))[:_MAX_ADDRESSES]:
            try:
                return await Stream.connect(str(address), port, timeout_s=_CONNECT_S)
            except OSError as error:
                last = error
        raise httpcore.ConnectError("no address of the host answers") from last

    async def _checked(self, host: str) -> list[IPAddress]:
        try:
            addresses = await self._resolve(host)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the host's name could not be resolved") from error
        if not all(may_connect(address, self._allowed) for address in addresses):
            raise AddressRefusedError
        return addresses
