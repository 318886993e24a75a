"""HTTP/1.1 server with keep-alive on the loopback address, one thread per connection."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from devtools.supabase_emulator.wire import Reply, Request

if TYPE_CHECKING:
    from devtools.supabase_emulator.gateway import Gateway

#: Maximum size of a request body.
MAX_BODY_BYTES = 60_000_000
#: Timeout of an idle connection, seconds.
KEEP_ALIVE_S = 75.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    gateway: Gateway


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = KEEP_ALIVE_S
    # Buffer headers and body: sent separately, each reply would wait for the client's delayed TCP acknowledgement.
    wbufsize = -1

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(Reply(413))
            return
        body = self.rfile.read(length)
        if len(body) < length:  # the client disconnected
            self.close_connection = True
            return
        target = urlsplit(self.path)
        self._send(
            self.server.gateway.answer(
                Request(
                    method=self.command,
                    path=tuple(unquote(part) for part in target.path.strip("/").split("/")),
                    query=dict(parse_qsl(target.query)),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    body=body,
                )
            )
        )

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in the base class
        """Log nothing: requests contain keys and signed links."""


def serve(port: int, gateway: Gateway) -> None:
    """Answer requests until the process ends."""
    with _Server(("127.0.0.1", port), _Handler) as server:
        server.gateway = gateway
        server.serve_forever()
