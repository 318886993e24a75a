"""What gunicorn's asgi worker leaves to us, put around its connections.

Measured with gunicorn 27: a connection that sends nothing, half a request's head or half a body stays open for good;
`worker_connections` is not enforced; a client that stops reading is waited for for good; and the application learns
nothing of SIGTERM.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar

import structlog
from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]  # it ships no types
from gunicorn.workers import gasgi  # type: ignore[import-untyped]  # the same

from api.middleware.request_logging import RequestLogging

#: A request's head must be complete within this of the connection, its body within this of its head, seconds.
HEAD_S = 10.0
BODY_S = 30.0
#: A client that takes nothing of what waits for it for longer is cut, seconds.
STALL_S = 15.0
#: How often a worker that is asked to stop notices, seconds.
WATCH_S = 0.1
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = structlog.get_logger(__name__)


class BoundedProtocol(ASGIProtocol):  # type: ignore[misc]  # the same
    """A connection with deadlines."""

    open: ClassVar[set[BoundedProtocol]] = set()

    def __init__(self, worker: Any) -> None:
        """A connection of `worker`."""
        super().__init__(worker)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Refuse it where there are too many, else begin to wait for a request."""
        full = self.worker.nr_conns >= self.worker.worker_connections
        super().connection_made(transport)
        if full:
            transport.write(_FULL)
            transport.close()
            return
        self.open.add(self)
        _notice_vanished(transport)
        self._within(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.open.discard(self)
        self._within(None)
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that does not read some time."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.worker.loop.call_later(STALL_S, self._cut, "client_does_not_read")

    def resume_writing(self) -> None:
        """It read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def close_idle(self) -> None:
        """Close it if it waits for a request that has not begun."""
        if self._awaiting_request and not self._finishing_calls:
            self._close_transport()
            self._request_ready.set()

    def _on_headers_complete(self) -> bool:
        self._within(BODY_S)
        complete: bool = super()._on_headers_complete()
        return complete

    def _on_message_complete(self) -> None:
        self._within(None)
        super()._on_message_complete()

    def _within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.worker.loop.call_later(seconds, self._cut, "client_too_slow")

    def _cut(self, reason: str) -> None:
        log.info("connection_cut", reason=reason)
        self.transport.abort()


def install(worker: Any, app: RequestLogging) -> None:
    """Bound the connections of `worker`, and tell `app` when it is asked to stop."""
    gasgi.ASGIProtocol = BoundedProtocol
    app.draining = lambda: not worker.alive
    # Held by the worker: a loop alone keeps no task.
    worker.watch = worker.loop.create_task(_watch(worker, app))


async def _watch(worker: Any, app: RequestLogging) -> None:
    while worker.alive:  # noqa: ASYNC110  gunicorn sets a flag and tells nobody
        await asyncio.sleep(WATCH_S)
    # The worker itself notices within a second, and would take new connections until then.
    for listener in worker.servers:
        listener.close()
    app.drain()
    # A connection that waits for its client's next request would hold the exit up until its own timeout.
    while True:
        for connection in list(BoundedProtocol.open):
            connection.close_idle()
        await asyncio.sleep(WATCH_S)


def _notice_vanished(transport: asyncio.Transport) -> None:
    # A client whose machine is gone says nothing: what it does not acknowledge, and silence after a probe, end it.
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 2)):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_S * 1000))
