"""Refuses addresses that other machines can reach while no token is configured."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class BindingError(Exception):
    """Other machines could call without a token; the message says what to set."""


def check(addresses: Iterable[tuple[str, int] | str], *, guarded: bool) -> None:
    """Return if the service may listen on `addresses`.

    Args:
        addresses: Host and port, or the path of a unix socket.
        guarded: Whether calls need a token.

    Raises:
        BindingError: Calls need no token and an address is not a loopback address.
    """
    exposed = [address[0] for address in addresses if not isinstance(address, str) and not _loopback(address[0])]
    if exposed and not guarded:
        raise BindingError(
            f"Without API_TOKENS the service listens on this machine only, not on {', '.join(exposed)}: "
            "set API_TOKENS (or API_TOKEN), or HOST=127.0.0.1."
        )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name can resolve to any address
        return False
