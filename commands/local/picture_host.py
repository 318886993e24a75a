"""HTTP server on the loopback interface that serves chosen picture files to workers."""

from __future__ import annotations

import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class ImageHost:
    """Context manager that serves shared files, and nothing else."""

    def __init__(self) -> None:
        """Bind to a free port."""
        self._files: dict[str, Path] = {}
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self._files))
        self._thread = threading.Thread(target=self._server.serve_forever, name="image-host", daemon=True)

    def share(self, file: Path) -> str:
        """Serve `file` and return its URL."""
        path = f"/{len(self._files)}/{file.stem.replace(' ', '-')}{file.suffix}"
        self._files[path] = file
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    # With the default backlog of 5, further concurrent connections are delayed by a second.
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, files: dict[str, Path], *args: Any) -> None:
        self._files = files
        super().__init__(*args)

    def do_GET(self) -> None:
        file = self._files.get(self.path)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = file.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(file.suffix.lower(), "text/plain; charset=utf-8"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that http.server passes
        """Log nothing: the terminal shows progress bars."""
