"""Fetcher of pictures from untrusted URLs, for concurrent calls on one event loop.

aiohttp parses responses in C; the cost of a large picture is mostly the number of copies of its bytes. Client features
that are unsafe with untrusted servers (cookies, automatic redirects, proxies of the environment, unbounded
decompression, connection reuse) are disabled.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

import httpx
from aiohttp import ClientError, ClientResponse, ClientSession

from providers.fetch.body import read_body, too_large
from providers.fetch.policy import FetchPolicy
from providers.fetch.status import error_for_status, no_answer, too_slow
from providers.owner_shares import OwnerShares
from providers.pictures.errors import input_refused
from providers.pictures.probe import probe
from providers.safe_http.network import AddressRefusedError
from providers.safe_http.resolver import NameResolver, Resolve, resolving_for
from providers.safe_http.session import open_session, to_yarl_url
from providers.safe_http.url import parse_target

#: Maximum number of concurrent fetches. The deadline of a fetch starts after the wait for a slot.
_MAX_CONNECTIONS = 256
_HEADERS = {
    "Accept": "image/jpeg, image/png, image/webp",
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "Darkroom",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def fetch_memory(policy: FetchPolicy) -> OwnerShares:
    """Return the bytes that the fetches of one process hold at most, of which one owner may use half."""
    return OwnerShares(policy.memory_bytes, per_owner=policy.memory_bytes // 2)


class Fetcher:
    """Fetches pictures as a policy allows, with bounded concurrency."""

    def __init__(
        self, policy: FetchPolicy, *, memory: OwnerShares | None = None, resolve: Resolve | None = None
    ) -> None:
        """Configure the fetcher; the first fetch opens the session.

        Args:
            policy: Limits and allowed hosts.
            memory: The budget of `fetch_memory`, if several fetchers share one.
            resolve: Name resolver; one with the system's configuration by default.
        """
        self._policy = policy
        self._memory = memory or fetch_memory(policy)
        self._names = NameResolver()
        self._resolve = resolve or self._names
        self._session: ClientSession | None = None
        self._slots = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def fetch(self, url: str, *, subject: str = "The picture", owner: str = "") -> bytes:
        """Return the picture at `url`: JPEG, PNG or WebP bytes within the pixel limit by their header.

        Args:
            url: An untrusted URL.
            subject: Name of the picture in messages to the user: `Input 2`, `The reference picture`.
            owner: Whose share of the resolutions and of the memory the fetch uses.

        Raises:
            InputRefused: The address, the server or the picture is not acceptable; not retryable.
            RateLimited: The server limits the rate.
            Transient: The network or the server failed, or the deadline passed.
        """
        try:
            async with self._slots, asyncio.timeout(self._policy.timeout_s):
                with resolving_for(owner):
                    data = await self._follow(url, subject, owner)
        except AddressRefusedError as error:
            raise input_refused(subject, "is on a server that is not public", code="address_not_public") from error
        except TimeoutError as error:
            raise too_slow(subject, self._policy.timeout_s) from error
        except (ClientError, OSError) as error:
            raise no_answer(subject) from error
        probe(data, max_pixels=self._policy.max_pixels, subject=subject)
        return data

    async def aclose(self) -> None:
        """Close the session with its running fetches, and the resolver."""
        await self._names.aclose()
        if self._session is not None:
            await self._session.close()

    async def _follow(self, address: str, subject: str, owner: str) -> bytes:
        url: httpx.URL | None = None
        for _ in range(self._policy.max_redirects + 1):
            url = parse_target(address, self._policy, subject=subject, base=url)
            with closing(await self._request(url)) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or not location:
                    return await self._read_picture(response, subject, owner)
                address = location
        raise input_refused(subject, "is redirected too often", code="too_many_redirects")

    async def _request(self, url: httpx.URL) -> ClientResponse:
        if self._session is None:
            # Created on first use, so that it belongs to the event loop that fetches.
            self._session = open_session(self._policy.networks, self._resolve, headers=_HEADERS)
        return await self._session.get(to_yarl_url(url), allow_redirects=False)

    async def _read_picture(self, response: ClientResponse, subject: str, owner: str) -> bytes:
        headers, limit = response.headers, self._policy.max_bytes
        if response.status != httpx.codes.OK:
            raise error_for_status(response.status, headers, subject=subject)
        length, encoding = headers.get("Content-Length", ""), headers.get("Content-Encoding", "").lower()
        declared = int(length) if length.isdecimal() else limit
        if declared > limit:
            raise too_large(subject, limit)
        # Reserved before the body is read: fetches that hold a part and wait for more memory would block each other.
        async with self._memory.hold(owner, limit if encoding else max(declared, 1)):
            return await read_body(response.content.iter_any(), encoding=encoding, max_bytes=limit, subject=subject)
