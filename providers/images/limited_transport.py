"""An httpx2 transport that believes no size: it counts what comes in, and takes nothing compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class AnswerTooLarge(httpx2.ReadError):
    """The answer is larger than it may be, or would be once decompressed."""


class LimitedTransport(httpx2.AsyncBaseTransport):
    """Cuts every answer off at a number of bytes."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        """Send through `inner`; `max_bytes` is per answer."""
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request.

        Raises:
            AnswerTooLarge: Here, or while the body is read.
        """
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise AnswerTooLarge("the answer is compressed although that was not asked for", request=request)
        response.stream = _Counted(cast("httpx2.AsyncByteStream", response.stream), self._max_bytes, request)
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, max_bytes: int, request: httpx2.Request) -> None:
        self._inner = inner
        self._left = max_bytes
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise AnswerTooLarge("the answer is too large", request=self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
