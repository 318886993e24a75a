"""The process that decoders are forked from: `python -m pipelines.decoders.fork_server FD OPERATIONS LIMITS...`.

It is a fresh interpreter with an empty environment and no descriptor but its connection, so that no decoder inherits a
secret or a socket. It has loaded the libraries and has no thread: a decoder costs a few milliseconds.

| request | with it | answer |
|---|---|---|
| `fork` | the decoder's end of a connection | its process id |
| `end ID` | | its wait status, once it has ended |
| `kill ID` | | the same, after SIGKILL |
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
from typing import cast

from pipelines.decoders.child import Operations, serve
from pipelines.decoders.sandbox import DecoderLimits
from pipelines.decoders.wire import MAX_REQUEST_BYTES
from providers.process import keep_freed_memory, limit_malloc_arenas

#: Seconds that a decoder has to end after it closed its connection.
END_S = 1.0
_POLL_S = 0.001


def main() -> None:
    """Answer requests until the connection is closed; the kernel then ends the decoders too."""
    control = socket.socket(fileno=int(sys.argv[1]))
    operations = cast("Operations", importlib.import_module(sys.argv[2]))
    memory_bytes, cpu_s, wall_s, pictures = sys.argv[3:]
    limits = DecoderLimits(int(memory_bytes), int(cpu_s), float(wall_s), int(pictures))
    keep_freed_memory()
    limit_malloc_arenas()
    operations.load()
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST_BYTES, 1)
        if not message:
            return
        request, _, number = message.decode().partition(" ")
        if request == "fork":
            answer = _fork(control, descriptors[0], operations, limits)
        else:
            answer = _end(int(number), kill=request == "kill")
        control.sendall(str(answer).encode())


def _fork(control: socket.socket, descriptor: int, operations: Operations, limits: DecoderLimits) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(descriptor)
        return pid
    control.close()
    try:
        with open(os.devnull, "r+b") as nothing:  # noqa: PTH123  a descriptor is needed
            # Messages of libraries quote pictures.
            os.dup2(nothing.fileno(), sys.stderr.fileno())
        serve(socket.socket(fileno=descriptor), operations, limits, parent)
        os._exit(0)
    finally:
        os._exit(1)


def _end(pid: int, *, kill: bool) -> int:
    give_up = time.monotonic() + (0.0 if kill else END_S)
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if time.monotonic() >= give_up:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main()
