from __future__ import annotations

import pytest

from api.client_address import ClientAddresses, client_group, is_loopback

CLIENTS = ClientAddresses(["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["192.0.2.66", "198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        ("127.0.0.1", ["192.0.2.66, nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["nonsense, 10.0.0.2"], "10.0.0.2"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["2606:4700::1111"], "2606:4700::1111"),
        ("fd00::1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_client_is_the_last_address_before_the_trusted_proxies(
    peer: str, forwarded: list[str], client: str
) -> None:
    headers = [(b"host", b"a"), *((b"x-forwarded-for", value.encode()) for value in forwarded)]
    assert CLIENTS.of({"client": (peer, 1), "headers": headers}) == client


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    scope = {"client": ("127.0.0.1", 1), "headers": [(b"x-forwarded-for", b"198.51.100.1")]}
    assert ClientAddresses(()).of(scope) == "127.0.0.1"
    assert ClientAddresses(()).of({"headers": []}) == ""


def test_clients_are_counted_by_their_ipv4_address_or_their_ipv6_network() -> None:
    assert client_group("198.51.100.1") == client_group("::ffff:198.51.100.1") == "198.51.100.1"
    assert client_group("2606:4700:1:2:3::4") == client_group("2606:4700:1:2::9") == "2606:4700:1:2::/64"
    assert client_group("2606:4700:1:3::4") != client_group("2606:4700:1:2::4")
    assert client_group("unix") == "unix"


def test_a_peer_without_an_address_is_on_this_machine() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "::1", "::ffff:127.0.0.1", "")))
    assert not is_loopback("198.51.100.1")
