"""The address of the client, which a trusted proxy forwards in `X-Forwarded-For`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

#: An IPv6 client usually has a whole network of this prefix to choose addresses from (RFC 6177).
_IPV6_CLIENT_PREFIX = 64


class ClientAddresses:
    """Finds the client's address behind trusted proxies. The header of any other peer is ignored."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        """Trust the proxies in these networks.

        Raises:
            ValueError: An entry is not a network.
        """
        self._trusted = tuple(map(ip_network, trusted_proxies))

    def of(self, scope: dict[str, Any]) -> str:
        """Return the client's address; empty if the peer has none, as on a unix socket.

        The header is read from its end: each proxy appends the peer that it has seen, and a client may have sent
        anything before that.
        """
        found: str = (scope.get("client") or ("",))[0]
        given = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
        forwarded = given.split(",") if given else []
        while forwarded and self._is_trusted(found):
            address = _parse(forwarded.pop())
            if address is None:
                break
            found = str(address)
        return found

    def _is_trusted(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


def client_group(address: str) -> str:
    """Return what limits count a client by: its IPv4 address, or the network of its IPv6 address."""
    parsed = _parse(address)
    if parsed is None:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Network((int(parsed), _IPV6_CLIENT_PREFIX), strict=False))


def is_loopback(address: str) -> bool:
    """Return whether the address is one of this machine; also if there is none."""
    parsed = _parse(address)
    return parsed is None or parsed.is_loopback


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address.strip())
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
