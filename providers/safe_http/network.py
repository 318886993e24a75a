"""The addresses of a host that may be connected to. There is no second resolution that could answer differently."""

from __future__ import annotations

from providers.safe_http.addresses import IPAddress, IPNetwork, may_connect
from providers.safe_http.resolver import Resolve

#: Seconds for one address before the next is tried, and how many are tried: within a fetch's total deadline.
CONNECT_S = 3.0
_MAX_ADDRESSES = 3


class AddressRefusedError(Exception):
    """The host has an address that may not be connected to."""


async def checked_addresses(host: str, allowed: tuple[IPNetwork, ...], resolve: Resolve) -> list[IPAddress]:
    """Resolve once, check every answer; the ones to try, in order.

    Raises:
        AddressRefusedError: Any of the host's addresses may not be connected to.
        OSError: The host has none, or could not be resolved.
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
