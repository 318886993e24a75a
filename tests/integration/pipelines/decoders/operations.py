"""Operations of a decoder that misbehave as hostile pictures do."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.decoders.wire import Frame


def load() -> None:
    """See `pipelines.decoders.operations`."""


def warm_up() -> None:
    """See `pipelines.decoders.operations`."""


def _echo(data: bytes, **_: Any) -> Frame:
    return {"pid": os.getpid(), "parent": os.getppid()}, data


def _allocate(_: bytes, size: int) -> Frame:
    return {}, bytes(len(bytearray(size)))


def _spin(_: bytes) -> Frame:
    while True:
        pass


def _sleep(_: bytes) -> Frame:
    time.sleep(600)
    return {}, b""


def _crash(_: bytes) -> Frame:
    os.abort()


def _lie(_: bytes) -> Frame:
    return {"padding": "x" * 5000}, b""


def _look_around(_: bytes, file: str) -> Frame:
    found: dict[str, Any] = {"environment": sorted(os.environ)}
    attempts: dict[str, Callable[[], object]] = {
        "file": lambda: Path(file).read_bytes(),
        "socket": socket.socket,
        "program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606  it is to be refused
        "fork": lambda: os.fork() or os._exit(0),
        "signal": lambda: os.kill(os.getppid(), 0),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
            found[name] = "allowed"
        except OSError as error:
            found[name] = type(error).__name__
    return found, b""


def _descriptors(_: bytes) -> Frame:
    return {"open": [number for number in range(256) if _is_open(number)]}, b""


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


OPERATIONS = {
    "echo": _echo, "allocate": _allocate, "spin": _spin, "sleep": _sleep, "crash": _crash, "lie": _lie,
    "look_around": _look_around, "descriptors": _descriptors,
}  # fmt: skip
