"""Connection limits and shutdown for gunicorn's asgi worker.

Measured with gunicorn 27: a connection that sends nothing, half a request's head or half a body is never closed;
`worker_connections` is not enforced; a client that stops reading blocks its response for ever; and the application is
not notified of SIGTERM.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, ClassVar

import structlog
from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]  # it ships no types
from gunicorn.workers import gasgi  # type: ignore[import-untyped]  # the same

from api.middleware.request_logging import RequestLogging

#: Deadlines in seconds: of a request's head from the connection on, of its body from its head on.
HEAD_S = 10.0
BODY_S = 30.0
#: Seconds after which a client that does not read is disconnected.
STALL_S = 15.0
#: Interval in seconds at which the shutdown flag is read.
WATCH_S = 0.1
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = structlog.get_logger(__name__)


class BoundedProtocol(ASGIProtocol):  # type: ignore[misc]  # the same
    """A connection with deadlines.

    Attributes:
        open: The open connections of this process.
    """

    open: ClassVar[set[BoundedProtocol]] = set()

    def __init__(self, worker: Any) -> None:
        """Create a connection of `worker`."""
        super().__init__(worker)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Refuse the connection if there are too many; otherwise start the deadline of the first request."""
        too_many = self.worker.nr_conns >= self.worker.worker_connections
        super().connection_made(transport)
        if too_many:
            transport.write(_REFUSAL)
            transport.close()
            return
        self.open.add(self)
        _detect_lost_client(transport)
        self._set_deadline(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines."""
        self.open.discard(self)
        self._set_deadline(None)
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the deadline of a client that does not read."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.worker.loop.call_later(STALL_S, self._abort, "client_does_not_read")

    def resume_writing(self) -> None:
        """Cancel that deadline."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def close_idle(self) -> None:
        """Close the connection if no request has begun."""
        if self._awaiting_request and not self._finishing_calls:
            self._close_transport()
            self._request_ready.set()

    def _on_headers_complete(self) -> bool:
        self._set_deadline(BODY_S)
        complete: bool = super()._on_headers_complete()
        return complete

    def _on_message_complete(self) -> None:
        self._set_deadline(None)
        super()._on_message_complete()

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = (
            None if seconds is None else self.worker.loop.call_later(seconds, self._abort, "client_too_slow")
        )

    def _abort(self, reason: str) -> None:
        log.info("connection_cut", reason=reason)
        self.transport.abort()


def install(worker: Any, app: RequestLogging) -> None:
    """Limit the connections of `worker`, and drain `app` at shutdown."""
    gasgi.ASGIProtocol = BoundedProtocol
    app.draining = lambda: not worker.alive
    # The worker holds the task: the event loop keeps a weak reference only.
    worker.watch = worker.loop.create_task(_drain_at_shutdown(worker, app))


async def _drain_at_shutdown(worker: Any, app: RequestLogging) -> None:
    while worker.alive:  # noqa: ASYNC110  gunicorn sets a flag and no event
        await asyncio.sleep(WATCH_S)
    # The worker reads the flag once a second and would accept connections until then.
    for listener in worker.servers:
        listener.close()
    app.drain()
    # An idle keep-alive connection would delay the exit until its timeout.
    while True:
        for connection in list(BoundedProtocol.open):
            connection.close_idle()
        await asyncio.sleep(WATCH_S)


def _detect_lost_client(transport: asyncio.Transport) -> None:
    # A client whose machine is lost sends nothing: unacknowledged data or unanswered probes end the connection.
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 2)):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_S * 1000))
