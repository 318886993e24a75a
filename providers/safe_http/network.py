"""Resolve a host once and check its addresses, so that no second resolution can return different ones."""

from __future__ import annotations

from providers.safe_http.addresses import IPAddress, IPNetwork, may_connect
from providers.safe_http.resolver import Resolve

#: Seconds to connect to one address, and the maximum number of addresses tried within a fetch's total deadline.
CONNECT_S = 3.0
_MAX_ADDRESSES = 3


class AddressRefusedError(Exception):
    """The host has an address to which connections are not allowed."""


async def checked_addresses(host: str, allowed: tuple[IPNetwork, ...], resolve: Resolve) -> list[IPAddress]:
    """Resolve `host`, check every address and return those to try, in order.

    Raises:
        AddressRefusedError: Connections to one of the host's addresses are not allowed.
        OSError: The host has no address or could not be resolved.
    """
    try:
        addresses = await resolve(host)
    except UnicodeError as error:
        raise OSError("the host's name could not be resolved") from error
    if not all(may_connect(address, allowed) for address in addresses):
        raise AddressRefusedError
    if not addresses:
        raise OSError("the host has no address")
    return addresses[:_MAX_ADDRESSES]
