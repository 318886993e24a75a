import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from providers.fetch import Fetcher, FetchPolicy
from providers.safe_http import resolver
from providers.safe_http.resolver import NameResolver, resolving_for
from schemas.errors import InputRefused, Transient
from tests.integration.providers.fetch.name_server import NameServer, name_server
from tests.integration.providers.fetch.picture_server import LOOPBACK, PictureServer, picture


@asynccontextmanager
async def resolving() -> AsyncIterator[tuple[NameServer, NameResolver]]:
    async with name_server() as server:
        names = NameResolver([server.address])
        try:
            yield server, names
        finally:
            await names.aclose()


@asynccontextmanager
async def fetching(names: NameResolver, *allowed: str) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(FetchPolicy(allowed_networks=allowed), resolve=names)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def until_asked(server: NameServer, names: int) -> None:
    while len(set(server.asked)) < names:  # noqa: ASYNC110  the server has no event to wait for
        await asyncio.sleep(0.01)


async def test_downloads_of_other_owners_finish_while_silent_names_are_waited_for(
    server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolver, "DEADLINE_S", 60.0)  # the attack lasts until it is cancelled
    async with resolving() as (dns, names), fetching(names, *LOOPBACK) as fetcher:
        urls = [f"http://a{number}.silent.test/" for number in range(100)]
        attacks = [asyncio.create_task(fetcher.fetch(url, owner="attacker")) for url in urls]
        await until_asked(dns, 10)
        urls = [server.url(host=f"a{number}.innocent.test") for number in range(10)]
        innocent = [fetcher.fetch(url, owner=f"user-{index}") for index, url in enumerate(urls)]
        assert await asyncio.gather(*innocent) == [picture()] * 10
        assert not any(attack.done() for attack in attacks)
        for attack in attacks:
            attack.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)


async def test_a_name_that_is_not_resolved_in_time_is_a_failure_that_may_pass() -> None:
    async with resolving() as (_, names), fetching(names) as fetcher:
        with pytest.raises(Transient, match="did not answer"):
            await fetcher.fetch("http://a.silent.test/")


async def test_one_owner_has_a_bounded_number_of_names_resolved_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with resolving() as (dns, names):
        with resolving_for("attacker"):
            monkeypatch.setattr(resolver, "DEADLINE_S", 60.0)
            attacks = [asyncio.create_task(names(f"a{number}.silent.test")) for number in range(60)]
        await until_asked(dns, 16)
        with resolving_for("innocent"):
            await names("innocent.test")
        assert len({name for name in dns.asked if name.endswith("silent.test")}) == 16
        for attack in attacks:
            attack.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)
        # Cancelled resolutions give their share back.
        with resolving_for("attacker"):
            assert await names("innocent.test") == [ip_address("127.0.0.1")]


async def test_an_unknown_name_is_not_asked_for_again() -> None:
    async with resolving() as (dns, names):
        for _ in range(3):
            with pytest.raises(OSError, match="not found"):
                await names("a.unknown.test")
        # Once for IPv4 and once for IPv6.
        assert dns.asked.count("a.unknown.test") == 2


async def test_a_name_without_an_answer_is_not_asked_for_at_once_again() -> None:
    async with resolving() as (dns, names):
        with pytest.raises(OSError, match=r"Timeout|in time"):
            await names("a.silent.test")
        asked = len(dns.asked)
        with pytest.raises(OSError, match=r"Timeout|in time"):
            await names("a.silent.test")
        assert len(dns.asked) == asked


async def test_remembered_failures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "_MAX_FAILURES", 2)
    async with resolving() as (dns, names):
        for name in ("a.unknown.test", "b.unknown.test", "c.unknown.test", "a.unknown.test"):
            with pytest.raises(OSError, match="not found"):
                await names(name)
        assert dns.asked.count("a.unknown.test") == 4


async def test_the_address_of_a_resolved_name_is_checked(server: PictureServer) -> None:
    async with resolving() as (_, names), fetching(names) as fetcher:
        with pytest.raises(InputRefused, match="not public"):
            await fetcher.fetch(server.url(host="rebound.test"))
        assert server.connections == 0


async def test_names_of_the_hosts_file_and_literals_need_no_name_server() -> None:
    async with resolving() as (dns, names):
        assert ip_address("127.0.0.1") in await names("localhost")
        assert await names("2606:4700::1111") == [ip_address("2606:4700::1111")]
        assert not dns.asked
