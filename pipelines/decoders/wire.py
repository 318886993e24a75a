"""Frames between a process and its decoders: a JSON object and bytes. Nothing is unpickled: decoders are not trusted.

```
4 bytes  length of the JSON object, big-endian
4 bytes  length of the bytes, big-endian
```
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

_LENGTHS = struct.Struct(">II")
#: Exit status of a decoder after a failed allocation.
EXIT_MEMORY = 3
#: Maximum length of a request to the fork server, and of its answer, bytes.
MAX_REQUEST_BYTES = 64
#: Maximum length of the JSON object, bytes.
MAX_OBJECT_BYTES = 4096

Frame = tuple[dict[str, Any], bytes]


class FrameError(Exception):
    """The other side sent something that is not a frame, or a frame that is too large."""


def send_frame(connection: socket.socket, message: dict[str, Any], data: bytes) -> None:
    """Send a frame.

    Raises:
        OSError: The other side is gone; `TimeoutError` if it does not read.
    """
    text = json.dumps(message).encode()
    connection.sendall(_LENGTHS.pack(len(text), len(data)) + text)
    connection.sendall(data)


def receive_frame(connection: socket.socket, *, max_bytes: int, deadline: float | None = None) -> Frame:
    """Return the next frame.

    Args:
        connection: A stream socket.
        max_bytes: Maximum length of the bytes.
        deadline: On the monotonic clock; None waits for ever.

    Raises:
        EOFError: The other side is gone.
        OSError: The same, or `TimeoutError` after the deadline.
        FrameError: It sent no frame.
    """
    length, size = _LENGTHS.unpack(_receive(connection, _LENGTHS.size, deadline))
    if length > MAX_OBJECT_BYTES or size > max_bytes:
        raise FrameError(f"a frame of {length} and {size} bytes")
    try:
        message = json.loads(_receive(connection, length, deadline))
    except ValueError as error:
        raise FrameError("no JSON") from error
    if not isinstance(message, dict):
        raise FrameError("no JSON object")
    return message, bytes(_receive(connection, size, deadline))


def _receive(connection: socket.socket, size: int, deadline: float | None) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    while view:
        if deadline is not None:
            # Each step: a decoder that sends a byte now and then must not extend it.
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
        received = connection.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return buffer
