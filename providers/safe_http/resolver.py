"""Name resolution that can't hold up anything else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from providers.safe_http.addresses import IPAddress

#: Every address of a host. Raises OSError (`socket.gaierror`) if there is none.
Resolve = Callable[[str], Awaitable[list[IPAddress]]]

#: Resolutions at once. Threads of their own, because a name server that never answers would otherwise hold the event
#: loop's few default threads, in which the pixels are worked on.
_THREADS = 16


class SystemResolver:
    """Asks the operating system."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> list[IPAddress]:
        """The addresses of `host`, in the order in which the system would try them, each once.

        Raises:
            OSError: The name is not known, or the name server does not answer.
        """
        with contextlib.suppress(ValueError):
            # An address is its own answer, and needs no thread.
            return [ip_address(host)]
        answers = await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host)
        return [ip_address(text) for text in dict.fromkeys(answers)]

    def close(self) -> None:
        """End the threads that are idle; one that waits for a name server ends when that wait does."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str) -> list[str]:
    return [str(sockaddr[0]) for *_, sockaddr in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
