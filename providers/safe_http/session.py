"""aiohttp's client, held to what strangers' servers may be given and may send.

Sockets go only to addresses which were checked. aiohttp asks its resolver for names but not for addresses, so the
check sits where the socket is opened, and once more where a name is resolved, because there any bad answer refuses the
whole host. TLS still asks for the host's name and verifies it, and the Host header carries it.

Nothing outlives its fetch: no cookies, no reused connections, no cached names. The surroundings set no proxy.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from ipaddress import ip_address

import httpx
from aiohttp import (
    AddrInfoType,
    ClientError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from providers.safe_http.addresses import IPNetwork, may_connect
from providers.safe_http.network import CONNECT_S, AddressRefusedError, checked_addresses
from providers.safe_http.resolver import Resolve

#: Bytes of one header; twice the longest address that is followed. aiohttp takes at most 128 of them.
_MAX_HEADER = 16_384


def open_session(allowed: tuple[IPNetwork, ...], resolve: Resolve, *, headers: Mapping[str, str]) -> ClientSession:
    """A session of the running event loop; whoever opens it closes it.

    Its requests raise `AddressRefusedError` where an address may not be connected to, and `aiohttp.ClientError`. It has
    no deadline but that for connecting, and no limit of connections: both are the caller's.

    Args:
        allowed: Networks that may be connected to although they are not public.
        resolve: How names become addresses.
        headers: What every request carries.
    """
    tls = httpx.create_ssl_context()
    tls.set_alpn_protocols(["http/1.1"])
    connector = TCPConnector(
        resolver=_CheckedResolver(allowed, resolve),
        socket_factory=_socket_factory(allowed),
        use_dns_cache=False,
        # One address after the other: racing them would open connections that nobody uses.
        happy_eyeballs_delay=None,
        force_close=True,
        limit=0,
        ssl=tls,
    )
    return ClientSession(
        connector=connector,
        headers=headers,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_S),
        auto_decompress=False,
        max_line_size=_MAX_HEADER,
        max_field_size=_MAX_HEADER,
        middlewares=(_ask_once,),
        response_class=Answer,
    )


def unparsed(url: httpx.URL) -> URL:
    """The parts that were checked, as they are: a second parser might understand the whole differently.

    The query stays with the path, so that a signed link arrives byte for byte.
    """
    return URL.build(
        scheme=url.scheme, authority=url.netloc.decode("ascii"), path=url.raw_path.decode("ascii"), encoded=True
    )


class Answer(ClientResponse):
    """An answer whose connection is cut by `close`: over TLS, a server that does not say goodbye is not waited for."""

    _transport: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> ClientResponse:
        """Read the head."""
        self._transport = connection.transport
        return await super().start(connection)

    def close(self) -> None:
        """Cut the connection, whether or not the body was read."""
        super().close()
        if self._transport is not None:
            self._transport.abort()


async def _ask_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Name errors without the address, which aiohttp's own carry.

    By itself aiohttp would ask again, at once, if the connection broke before the answer; whether and when to try again
    is not decided here.
    """
    try:
        return await handler(request)
    except (ClientError, OSError) as error:
        raise ClientError(type(error).__name__) from None


class _CheckedResolver(AbstractResolver):
    def __init__(self, allowed: tuple[IPNetwork, ...], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await checked_addresses(host, self._allowed, self._resolve)
        return [
            ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to do: `resolve` belongs to somebody else."""


def _socket_factory(allowed: tuple[IPNetwork, ...]) -> Callable[[AddrInfoType], socket.socket]:
    def open_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_connect(ip_address(address[0]), allowed):
            raise AddressRefusedError
        return socket.socket(family, kind, protocol)

    return open_socket
