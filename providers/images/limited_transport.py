"""An httpx2 transport that bounds the size of answers by counting bytes and refuses compressed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class AnswerTooLarge(httpx2.ReadError):
    """The answer exceeds the maximum size, or is compressed."""


class LimitedTransport(httpx2.AsyncBaseTransport):
    """Raises once an answer exceeds a number of bytes."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        """Send through `inner`; accept at most `max_bytes` per answer."""
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request.

        Raises:
            AnswerTooLarge: The answer is too large; also raised while its body is read.
        """
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise AnswerTooLarge("the answer is compressed although not requested", request=request)
        response.stream = _BoundedStream(cast("httpx2.AsyncByteStream", response.stream), self._max_bytes, request)
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


class _BoundedStream(httpx2.AsyncByteStream):
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
