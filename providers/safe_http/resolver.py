"""Name resolution in a thread pool of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from providers.safe_http.addresses import IPAddress

#: Returns every address of a host; raises OSError (`socket.gaierror`) if it has none.
Resolve = Callable[[str], Awaitable[list[IPAddress]]]

#: Maximum number of concurrent resolutions. A dedicated pool, because an unresponsive name server would otherwise block
#: the event loop's default threads, which process pictures.
_THREADS = 16


class SystemResolver:
    """Resolves names with the operating system's resolver."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> list[IPAddress]:
        """Return the distinct addresses of `host` in the system's order of preference.

        Raises:
            OSError: The name is unknown or the name server does not respond.
        """
        with contextlib.suppress(ValueError):
            # An address literal needs no resolution.
            return [ip_address(host)]
        addresses = await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host)
        return [ip_address(text) for text in dict.fromkeys(addresses)]

    def close(self) -> None:
        """Stop the idle threads; a thread that waits for a name server stops after its wait."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str) -> list[str]:
    return [str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
