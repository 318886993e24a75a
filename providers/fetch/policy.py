"""What may be fetched, as numbers and names."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network


@dataclass(frozen=True)
class FetchPolicy:
    """The limits of one kind of fetch: input pictures have one, provider results another.

    Attributes:
        allowed_networks: CIDRs that pictures may come from although they are not public, for development.
        allowed_hosts: The only host names that may be asked, `*.example.com` meaning every name below
            `example.com`; empty allows any.
        max_bytes: The largest picture in bytes, counted as received and again after decompression.
        max_pixels: The largest picture in pixels, as its header states it.
        timeout_s: Seconds that one fetch may take altogether: resolution, redirects and body.
        max_redirects: How many redirects are followed.

    Raises:
        ValueError: A network is no CIDR, or a limit is not positive.
    """

    allowed_networks: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    max_bytes: int = 20_000_000
    max_pixels: int = 40_000_000
    timeout_s: float = 10.0
    max_redirects: int = 3
    #: `allowed_networks`, parsed.
    networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", tuple(map(ip_network, self.allowed_networks)))
        if min(self.max_bytes, self.max_pixels, self.timeout_s) <= 0 or self.max_redirects < 0:
            raise ValueError("the limits of a fetch must be positive")

    def allows_host(self, host: str) -> bool:
        """Whether the host name, lower case, may be asked at all; what it resolves to is another question."""
        return not self.allowed_hosts or any(_matches(host, pattern.lower()) for pattern in self.allowed_hosts)


def _matches(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
