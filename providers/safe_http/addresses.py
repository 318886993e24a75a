"""Address checks: allow public unicast addresses and the networks that the policy names.

Sources: the IANA special-purpose address registries for IPv4 (RFC 6890 and later) and IPv6. The lists are explicit
because `ipaddress.is_global` differs between Python's patch releases and treats multicast as global.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_REFUSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network, unspecified
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # in a public range, but reaches the Azure host from its virtual machines
            "169.254.0.0/16",  # link-local, metadata services
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # IETF protocol assignments, metadata services
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarking
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)

#: Global unicast. Everything else is refused: loopback, mapped and compatible IPv4, NAT64, ULA, link-local, multicast.
_UNICAST_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocol assignments, Teredo (IPv4 inside)
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4 (IPv4 inside)
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
#: Interface identifiers of ISATAP (RFC 5214, section 6.1): the low 32 bits are an IPv4 address.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def may_connect(address: IPAddress, allowed: Iterable[IPNetwork] = ()) -> bool:
    """Return whether `address` is public or lies in one of the `allowed` networks."""
    return is_public(address) or any(address in network for network in allowed)


def is_public(address: IPAddress) -> bool:
    """Return whether `address` is public unicast and does not embed an IPv4 address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return (
        address in _UNICAST_V6
        and not any(address in network for network in _REFUSED_V6)
        and (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP
    )
