"""A decoder process: answers one picture after another until its connection is closed."""

from __future__ import annotations

import os
import re
import socket
from typing import Any, Protocol

from pipelines.decoders import sandbox
from pipelines.decoders.sandbox import DecoderLimits
from pipelines.decoders.wire import EXIT_MEMORY, Frame, receive_frame, send_frame
from schemas.errors import DarkroomError

#: Largest encoded picture, bytes; the fetcher's own limit is lower.
MAX_PICTURE_BYTES = 512 * 1024 * 1024
_OUT_OF_MEMORY = re.compile("(out of|insufficient) memory", re.IGNORECASE)


class Operations(Protocol):
    """The module of what a decoder does: `pipelines.decoders.operations`."""

    @property
    def OPERATIONS(self) -> dict[str, Any]:  # noqa: N802  a constant of the module
        """The functions by name; each takes the picture and options, and returns a frame."""

    def load(self) -> None:
        """Load the libraries before decoders are forked."""

    def warm_up(self) -> None:
        """Use the libraries once in a new decoder."""


def serve(connection: socket.socket, operations: Operations, limits: DecoderLimits, parent: int) -> None:
    """Answer pictures; return when the connection is closed."""
    operations.warm_up()
    sandbox.enter(limits, parent)
    while True:
        try:
            request, data = receive_frame(connection, max_bytes=MAX_PICTURE_BYTES)
        except (EOFError, OSError):
            return
        sandbox.limit_cpu(limits)
        send_frame(connection, *_answer(operations, request, data))


def _answer(operations: Operations, request: dict[str, Any], data: bytes) -> Frame:
    try:
        answer: Frame = operations.OPERATIONS[request.pop("operation")](data, **request)
    except MemoryError:
        os._exit(EXIT_MEMORY)
    except DarkroomError as error:
        if _ran_out_of_memory(error):
            os._exit(EXIT_MEMORY)
        return {"refused": error.error_code}, b""
    return answer


def _ran_out_of_memory(error: BaseException | None) -> bool:
    """Return whether a library reported a failed allocation, which only its message tells."""
    while error is not None:
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
            return True
        error = error.__cause__
    return False
