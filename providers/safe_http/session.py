"""aiohttp sessions restricted for requests to untrusted servers.

Sockets are opened to checked addresses only. aiohttp calls its resolver for names but not for address literals, so the
check runs when a socket is opened, and also when a name is resolved, because there one forbidden address refuses the
whole host. TLS still verifies the host name, and the Host header carries it.

No state outlives a request: no cookies, reused connections or cached names. Proxies of the environment are ignored.
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

#: Maximum bytes of one header: twice the longest accepted URL. aiohttp accepts at most 128 headers.
_MAX_HEADER = 16_384


def open_session(allowed: tuple[IPNetwork, ...], resolve: Resolve, *, headers: Mapping[str, str]) -> ClientSession:
    """Open a session on the running event loop; the caller closes it.

    Its requests raise `AddressRefusedError` for a forbidden address, and `aiohttp.ClientError`. Apart from the connect
    timeout, the caller sets deadlines and limits the number of connections.

    Args:
        allowed: Non-public networks to which connections are allowed.
        resolve: Name resolver.
        headers: Headers of every request.
    """
    tls = httpx.create_ssl_context()
    tls.set_alpn_protocols(["http/1.1"])
    connector = TCPConnector(
        resolver=_CheckedResolver(allowed, resolve),
        socket_factory=_socket_factory(allowed),
        use_dns_cache=False,
        # Try addresses one by one: racing them would open unused connections.
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
        middlewares=(_send_once,),
        response_class=AbortableResponse,
    )


def to_yarl_url(url: httpx.URL) -> URL:
    """Build yarl's URL from the checked parts, because a second parser might read the whole URL differently.

    The query stays in the path, so that a signed URL is sent unchanged, byte for byte.
    """
    return URL.build(
        scheme=url.scheme, authority=url.netloc.decode("ascii"), path=url.raw_path.decode("ascii"), encoded=True
    )


class AbortableResponse(ClientResponse):
    """Response whose `close` aborts the connection instead of waiting for the server's TLS close_notify."""

    _transport: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> ClientResponse:
        """Read the status line and the headers."""
        self._transport = connection.transport
        return await super().start(connection)

    def close(self) -> None:
        """Abort the connection, whether or not the body was read."""
        super().close()
        if self._transport is not None:
            self._transport.abort()


async def _send_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Send the request once and raise errors without the URL, which aiohttp's own messages contain.

    Without this middleware aiohttp retries at once when the connection is lost before the response; retries are the
    caller's decision.
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
        """Do nothing: the owner of `resolve` closes it."""


def _socket_factory(allowed: tuple[IPNetwork, ...]) -> Callable[[AddrInfoType], socket.socket]:
    def open_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not may_connect(ip_address(address[0]), allowed):
            raise AddressRefusedError
        return socket.socket(family, kind, protocol)

    return open_socket
