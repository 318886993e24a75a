"""Fetches one picture at a time; many calls run side by side on one event loop.

aiohttp, because it parses answers in C: what a large picture costs is mostly how often its bytes are copied. All that a
full client brings and that strangers must not have (cookies, redirects, proxies from the environment, unbounded
decompression, connections that are reused) is off.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

import httpx
from aiohttp import ClientError, ClientResponse, ClientSession

from providers.fetch.body import read_body, too_large
from providers.fetch.policy import FetchPolicy
from providers.fetch.status import error_for_status, no_answer, too_slow
from providers.pictures.errors import input_refused
from providers.pictures.probe import probe
from providers.safe_http.network import AddressRefusedError
from providers.safe_http.resolver import Resolve, SystemResolver
from providers.safe_http.session import open_session, to_yarl_url
from providers.safe_http.url import parse_target

#: Fetches at once; the next one waits for its turn before its deadline starts.
_MAX_CONNECTIONS = 256
_HEADERS = {
    "Accept": "image/jpeg, image/png, image/webp",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "Darkroom",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetcher:
    """Fetches pictures within a policy, a bounded number at once."""

    def __init__(self, policy: FetchPolicy, *, resolve: Resolve | None = None) -> None:
        """Make a fetcher; nothing is opened until it fetches.

        Args:
            policy: What may be fetched.
            resolve: How names become addresses; the operating system's way unless given.
        """
        self._policy = policy
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        self._session: ClientSession | None = None
        self._slots = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def fetch(self, url: str, *, subject: str = "The picture") -> bytes:
        """The picture at `url`: JPEG, PNG or WebP bytes whose header states no more pixels than allowed.

        Args:
            url: An address that a stranger wrote.
            subject: How the picture is named to the user: `Input 2`, `The reference picture`.

        Raises:
            InputRefused: The address, the server or the picture is not acceptable; trying again would not help.
            RateLimited: The server asked to slow down.
            Transient: The network or the server failed, or the deadline passed.
        """
        try:
            async with self._slots, asyncio.timeout(self._policy.timeout_s):
                data = await self._follow(url, subject)
        except AddressRefusedError as error:
            raise input_refused(subject, "is on a server that is not public", code="address_not_public") from error
        except TimeoutError as error:
            raise too_slow(subject, self._policy.timeout_s) from error
        except (ClientError, OSError) as error:
            raise no_answer(subject) from error
        probe(data, max_pixels=self._policy.max_pixels, subject=subject)
        return data

    async def aclose(self) -> None:
        """Give back threads, and cut what is still fetched."""
        self._system.close()
        if self._session is not None:
            await self._session.close()

    async def _follow(self, address: str, subject: str) -> bytes:
        url: httpx.URL | None = None
        for _ in range(self._policy.max_redirects + 1):
            url = parse_target(address, self._policy, subject=subject, base=url)
            with closing(await self._ask(url)) as answer:
                location = answer.headers.get("Location")
                if answer.status not in _REDIRECTS or not location:
                    return await self._body(answer, subject)
                address = location
        raise input_refused(subject, "is redirected too often", code="too_many_redirects")

    async def _ask(self, url: httpx.URL) -> ClientResponse:
        if self._session is None:
            # Made here so that it belongs to the loop that fetches.
            self._session = open_session(self._policy.networks, self._resolve, headers=_HEADERS)
        return await self._session.get(to_yarl_url(url), allow_redirects=False)

    async def _body(self, answer: ClientResponse, subject: str) -> bytes:
        headers, limit = answer.headers, self._policy.max_bytes
        if answer.status != httpx.codes.OK:
            raise error_for_status(answer.status, headers, subject=subject)
        length, encoding = headers.get("Content-Length", ""), headers.get("Content-Encoding", "").lower()
        if length.isdecimal() and int(length) > limit:
            raise too_large(subject, limit)
        return await read_body(answer.content.iter_any(), encoding=encoding, max_bytes=limit, subject=subject)
