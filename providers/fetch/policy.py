"""Limits and allowed hosts of fetches."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network


@dataclass(frozen=True)
class FetchPolicy:
    """The limits of one kind of fetch: input pictures have one, provider results another.

    Attributes:
        allowed_networks: Non-public CIDRs that pictures may come from, for development.
        allowed_hosts: The allowed host names, where `*.example.com` matches every name below
            `example.com`; empty allows any.
        max_bytes: Maximum size in bytes, counted as received and again after decompression.
        max_pixels: Maximum number of pixels, as stated in the header.
        timeout_s: Total seconds for one fetch: resolution, redirects and body.
        max_redirects: Maximum number of redirects.
        memory_bytes: Maximum bytes that all fetches of a process hold; at least twice `max_bytes`.

    Raises:
        ValueError: A network is not a CIDR, or a limit is out of range.
    """

    allowed_networks: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    max_bytes: int = 20_000_000
    max_pixels: int = 40_000_000
    timeout_s: float = 10.0
    max_redirects: int = 3
    memory_bytes: int = 256_000_000
    #: `allowed_networks`, parsed.
    networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", tuple(map(ip_network, self.allowed_networks)))
        if min(self.max_bytes, self.max_pixels, self.timeout_s) <= 0 or self.max_redirects < 0:
            raise ValueError("the limits of a fetch must be positive")
        if self.memory_bytes < 2 * self.max_bytes:
            raise ValueError("the memory of all fetches must hold at least two pictures of the maximum size")

    def allows_host(self, host: str) -> bool:
        """Return whether the lower-case host name is allowed; its addresses are checked separately."""
        return not self.allowed_hosts or any(_matches(host, pattern.lower()) for pattern in self.allowed_hosts)


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
