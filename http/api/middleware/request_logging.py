"""An ASGI wrapper: request ids, client addresses, limited bodies, access log and request metrics."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from api.body import bounded, too_large
from api.client_address import ClientAddresses
from api.problems import MEDIA_TYPE, Problem
from providers.metrics.recorder import Metrics

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[..., Awaitable[None]]
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
#: Logged status of a request whose client disconnected before the response, as in nginx.
CLIENT_GONE = 499

access_log = structlog.get_logger("access")


class RequestLogging:
    """An ASGI application that wraps another.

    Attributes:
        draining: Returns whether this process is shutting down; set by the server.
        drain: Ends long-running responses; called by the server at shutdown.
    """

    def __init__(
        self,
        app: Application,
        metrics: Metrics,
        clients: ClientAddresses,
        limits: Callable[[str], int],
        drain: Callable[[], None],
    ) -> None:
        """Wrap `app`; `limits` returns the maximum size of a body in bytes, by path."""
        self._app, self._metrics, self._clients, self._limits = app, metrics, clients, limits
        self.drain = drain
        self.draining: Callable[[], bool] = lambda: False

    def is_draining(self) -> bool:
        """Return whether this process is shutting down."""
        return self.draining()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        """Serve one request, or the lifespan; refuse a WebSocket."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            scope["client"] = (self._clients.of(scope), 0)
            await RequestScope(scope, send).run(self._app, receive, self._limits(scope["path"]), self._metrics)
        else:
            await self._app(scope, receive, send)


class RequestScope:
    """One request and its response."""

    __slots__ = ("_scope", "_send", "bytes", "request_id", "started", "status")

    def __init__(self, scope: dict[str, Any], send: Send) -> None:
        self._scope, self._send = scope, send
        self.status, self.bytes = 0, 0
        self.started = time.monotonic()
        self.request_id = scope["darkroom.request_id"] = _request_id(scope)

    async def run(self, app: Application, receive: Any, limit: int, metrics: Metrics) -> None:
        """Serve the request, log it and count it."""
        structlog.contextvars.bind_contextvars(request_id=self.request_id)
        try:
            if _declared_length(self._scope) > limit:
                raise too_large(limit)
            await app(self._scope, bounded(receive, limit), self.send)
        except Problem as problem:  # raised by `receive`
            await self._refuse(problem)
        finally:
            await self._log(metrics)
            structlog.contextvars.unbind_contextvars("request_id")

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Send a part of the response, with the request id in its headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self.request_id.encode())]
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    async def _refuse(self, problem: Problem) -> None:
        if self.status:
            return
        headers = {"content-type": MEDIA_TYPE, **problem.headers}
        body = problem.body(self.request_id)
        start = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        start.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": problem.status.value, "headers": start})
        await self.send({"type": "http.response.body", "body": body})

    async def _log(self, metrics: Metrics) -> None:
        seconds = time.monotonic() - self.started
        route = self._scope.get("darkroom.route") or "unknown"
        status = self.status or CLIENT_GONE
        labels = {"method": _method(self._scope), "route": route, "status": str(status)}
        await metrics.incr("darkroom_http_requests", labels)
        if not route.endswith("/events"):
            await metrics.observe("darkroom_http_seconds", {"route": route}, seconds)
        # Without the query: it may hold a signature.
        access_log.info(
            "http_request",
            method=self._scope["method"],
            path=self._scope["path"],
            status=status,
            ms=round(seconds * 1000, 1),
            bytes=self.bytes,
            client=self._scope.get("darkroom.client"),
            address=self._scope["client"][0],
        )


def _request_id(scope: dict[str, Any]) -> str:
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def _declared_length(scope: dict[str, Any]) -> int:
    given = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(given) if given.isdigit() else 0


def _method(scope: dict[str, Any]) -> str:
    # Unknown methods share one label: a caller could create any number of them.
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}
    return scope["method"] if scope["method"] in known else "other"
