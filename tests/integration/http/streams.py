"""Reads server-sent events off a socket, as they come."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Event:
    id: str
    data: dict[str, Any]


class Stream:
    """One open event stream.

    Attributes:
        status: The answer's status.
        retry: Whether the last thing that came was a hint to come back.
    """

    def __init__(self, url: str, **headers: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=20)
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline().strip():
            pass
        self.retry = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def events(self) -> Iterator[Event]:
        """Events until the stream ends."""
        text = ""
        while size := int(self._file.readline() or b"0", 16):
            text += self._file.read(size).decode()
            self._file.readline()
            *blocks, text = text.split("\n\n")
            for block in blocks:
                fields = dict(line.split(": ", 1) for line in block.split("\n") if line[0] != ":")
                self.retry = "retry" in fields
                if "data" in fields:
                    yield Event(fields["id"], json.loads(fields["data"]))
