"""Fetches one picture at a time; many calls run side by side on one event loop.

httpcore's connections are used directly: they have no cookies, no redirects, no proxies from the environment, no
unbounded decompression and no log line with the address, all of which a full client would bring. Each picture has a
connection of its own, so strangers share nothing; httpcore's pool would walk over all its connections at each request,
which for 250 slow pictures at once took 17 ms of CPU apiece instead of 1.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpcore
import httpx

from providers.fetch.body import read_body, too_large
from providers.fetch.network import AddressRefusedError, CheckedNetwork
from providers.fetch.policy import FetchPolicy
from providers.fetch.probe import probe
from providers.fetch.refusal import refusal
from providers.fetch.resolve import Resolve, SystemResolver
from providers.fetch.status import failure, no_answer, too_slow
from providers.fetch.target import parse_target

#: Fetches at once; the next one waits for its turn before its deadline starts.
_MAX_CONNECTIONS = 256
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = (
    ("Accept", "image/jpeg, image/png, image/webp"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
    ("User-Agent", "Darkroom"),
)
_NETWORK_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError)


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
        self._network = CheckedNetwork(policy.networks, resolve or self._system)
        self._tls = httpx.create_ssl_context()
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
            raise refusal(subject, "is on a server that is not public", code="address_not_public") from error
        except TimeoutError as error:
            raise too_slow(subject, self._policy.timeout_s) from error
        except _NETWORK_ERRORS as error:
            raise no_answer(subject) from error
        probe(data, max_pixels=self._policy.max_pixels, subject=subject)
        return data

    async def aclose(self) -> None:
        """Give back threads; connections end with the fetch that opened them."""
        self._system.close()

    async def _follow(self, address: str, subject: str) -> bytes:
        url: httpx.URL | None = None
        for _ in range(self._policy.max_redirects + 1):
            url = parse_target(address, self._policy, subject=subject, base=url)
            async with self._answer(url) as answer:
                location = _header(answer, b"location")
                if answer.status not in _REDIRECTS or not location:
                    return await self._body(answer, subject)
                address = location
        raise refusal(subject, "is redirected too often", code="too_many_redirects")

    async def _body(self, answer: httpcore.Response, subject: str) -> bytes:
        if answer.status != httpx.codes.OK:
            raise failure(answer.status, _header(answer, b"retry-after"), subject=subject)
        length, limit = _header(answer, b"content-length"), self._policy.max_bytes
        if length.isdecimal() and int(length) > limit:
            raise too_large(subject, limit)
        encoding = _header(answer, b"content-encoding").lower()
        return await read_body(answer.aiter_stream(), encoding=encoding, max_bytes=limit, subject=subject)

    @asynccontextmanager
    async def _answer(self, url: httpx.URL) -> AsyncIterator[httpcore.Response]:
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers = (("Host", url.netloc), *_HEADERS)
        async with (
            httpcore.AsyncHTTPConnection(target.origin, self._tls, network_backend=self._network) as connection,
            connection.stream("GET", target, headers=headers) as answer,
        ):
            yield answer


def _header(answer: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in answer.headers if key.lower() == name), "")
