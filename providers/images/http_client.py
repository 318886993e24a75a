"""An HTTP client for providers' APIs: bounded answers, no redirects, no proxies, and our errors only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from providers.images import errors as faults
from providers.images.decode_picture import MAX_ANSWER_BYTES
from providers.images.limited_transport import AnswerTooLarge, LimitedTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.errors import DarkroomError

_CONNECT_S = 5.0
#: A worker process may have a thousand concurrent calls.
_MAX_CONNECTIONS = 1024
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


def client_for(base_url: str = "", headers: Mapping[str, str] | None = None) -> httpx2.AsyncClient:
    """Return a client that reads bounded answers from `base_url`; it connects on first use."""
    limits = httpx2.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=64)
    return httpx2.AsyncClient(
        base_url=base_url,
        headers=headers,
        transport=LimitedTransport(httpx2.AsyncHTTPTransport(limits=limits), MAX_ANSWER_BYTES),
        follow_redirects=False,
        trust_env=False,
    )


class ProviderHttp:
    """Sends requests to one provider; the answers may have any status."""

    def __init__(self, provider: str, base_url: str, headers: Mapping[str, str]) -> None:
        """Send `headers`, such as the key, with every request to `base_url`."""
        self._provider = provider
        self._client = client_for(base_url, headers)

    async def request(self, method: str, path: str, read_s: float, **parts: Any) -> httpx2.Response:
        """Return the whole answer, waiting at most `read_s` seconds for each part of it.

        Raises:
            Transient: The connection was not made.
            Ambiguous: The connection broke, there was no answer in time, or it was too large.
        """
        timeout = httpx2.Timeout(read_s, connect=_CONNECT_S, pool=_CONNECT_S)
        try:
            return await self._client.request(method, path, timeout=timeout, **parts)
        except httpx2.TransportError as error:
            raise self._map_error(error, read_s) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _map_error(self, error: httpx2.TransportError, read_s: float) -> DarkroomError:
        if isinstance(error, _NEVER_SENT):
            return faults.unreachable(self._provider)
        if isinstance(error, AnswerTooLarge):
            message = f"{self._provider}'s answer is too large"
            return faults.no_picture(self._provider, message, code="answer_too_large")
        if isinstance(error, httpx2.TimeoutException):
            return faults.no_answer(self._provider, read_s)
        return faults.cut_off(self._provider)
