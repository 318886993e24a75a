"""Where the service may listen: without tokens, on this machine only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class BindingError(Exception):
    """The service would be open to everybody; the message is a sentence that says what to set."""


def check(addresses: Iterable[tuple[str, int] | str], *, guarded: bool) -> None:
    """Return if the service may listen on these addresses (host and port, or the path of a unix socket).

    Args:
        addresses: Where it would listen.
        guarded: Whether calls need a token.

    Raises:
        BindingError: It would be reached from other machines, by everybody.
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
    except ValueError:  # a name may lead anywhere
        return False
