"""Asynchronous name resolution with a deadline and a share for each owner.

A resolution occupies no thread. A name server that does not answer delays only the requests that name it: each
resolution ends after `DEADLINE_S`, or at once with the request that waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextvars import ContextVar
from ipaddress import ip_address

import aiodns
import aiodns.error

from providers.owner_shares import OwnerShares
from providers.safe_http.addresses import IPAddress

#: Returns every address of a host; raises OSError (`socket.gaierror`) if it has none.
Resolve = Callable[[str], Awaitable[list[IPAddress]]]

#: Seconds for one resolution, the wait for the owner's share included.
DEADLINE_S = 2.0
#: Concurrent resolutions, in total and of one owner.
_TOTAL = 1024
_PER_OWNER = 16
#: Seconds for which a name is known not to exist, and for which a name server is known not to answer. The latter is
#: shorter than the waits between a stage's attempts, so that a short failure of a name server does not fail a job.
_UNKNOWN_S = 30.0
_UNANSWERED_S = 1.5
#: Maximum number of remembered failures.
_MAX_FAILURES = 4096
_UNKNOWN = frozenset({aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA, aiodns.error.ARES_EBADNAME})
_TOO_LATE = "the name was not resolved in time"

_owner: ContextVar[str] = ContextVar("resolving_for", default="")


@contextlib.contextmanager
def resolving_for(owner: str) -> Iterator[None]:
    """Count resolutions inside the block towards the share of `owner`."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


class NameResolver:
    """Resolves names with c-ares and the system's configuration, the hosts file included. For one event loop."""

    def __init__(self, nameservers: Sequence[str] | None = None) -> None:
        """Prepare a resolver; the first resolution opens it.

        Args:
            nameservers: Addresses of name servers, `host:port`; those of the system by default.
        """
        self._nameservers = nameservers
        self._dns: aiodns.DNSResolver | None = None
        self._shares = OwnerShares(_TOTAL, per_owner=_PER_OWNER)
        #: By host: the loop's time until which the failure is remembered, and its reason.
        self._failures: dict[str, tuple[float, str]] = {}

    async def __call__(self, host: str) -> list[IPAddress]:
        """Return the distinct addresses of `host` in the order of preference.

        Raises:
            OSError: The name is unknown or its name server does not answer.
        """
        with contextlib.suppress(ValueError):
            # An address literal needs no resolution.
            return [ip_address(host)]
        self._raise_remembered(host)
        now = asyncio.get_running_loop().time
        asked = math.inf
        try:
            async with asyncio.timeout(DEADLINE_S), self._shares.hold(_owner.get()):
                asked = now()
                return await self._resolve(host)
        except TimeoutError as error:
            # A wait for the share says nothing about the name server.
            if now() - asked >= DEADLINE_S / 2:
                self._remember(host, _UNANSWERED_S, _TOO_LATE)
            raise socket.gaierror(socket.EAI_AGAIN, _TOO_LATE) from error

    async def aclose(self) -> None:
        """Stop resolving."""
        if self._dns is not None:
            await self._dns.close()

    async def _resolve(self, host: str) -> list[IPAddress]:
        if self._dns is None:
            # Created on first use, so that it belongs to the event loop that resolves.
            self._dns = aiodns.DNSResolver(self._nameservers, timeout=DEADLINE_S / 2, tries=2)
        try:
            found = await self._dns.getaddrinfo(host, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            code, reason = error.args
            self._remember(host, _UNKNOWN_S if code in _UNKNOWN else _UNANSWERED_S, reason)
            raise socket.gaierror(socket.EAI_AGAIN, reason) from error
        addresses = dict.fromkeys(node.addr[0].decode("ascii") for node in found.nodes)
        return [ip_address(address) for address in addresses]

    def _remember(self, host: str, seconds: float, reason: str) -> None:
        self._failures.pop(host, None)
        if len(self._failures) >= _MAX_FAILURES:
            del self._failures[next(iter(self._failures))]
        self._failures[host] = (asyncio.get_running_loop().time() + seconds, reason)

    def _raise_remembered(self, host: str) -> None:
        until, reason = self._failures.get(host, (0.0, ""))
        if asyncio.get_running_loop().time() < until:
            raise socket.gaierror(socket.EAI_AGAIN, reason)
