"""Handles on the fork server and on a decoder process, for blocking use from threads."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from pipelines.decoders.sandbox import DecoderLimits
from pipelines.decoders.wire import EXIT_MEMORY, MAX_REQUEST_BYTES, Frame, FrameError, receive_frame, send_frame

ROOT = Path(__file__).parents[2]
#: Environment variables that the dynamic loader needs on some systems; nothing else is passed on.
_LOADER_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
#: Seconds that the fork server has to answer, and to end.
_ANSWER_S, _EXIT_S = 30.0, 5.0
#: Largest answer of a decoder, bytes: more than a picture of 4096 by 4096 pixels.
_MAX_ANSWER_BYTES = 64 * 1024 * 1024


class DecoderDied(Exception):  # noqa: N818  an event rather than a mistake
    """A picture ended its decoder; `cause` is memory, cpu, time or crash."""

    def __init__(self, cause: str) -> None:
        """Record the cause."""
        super().__init__(cause)
        self.cause = cause


class ForkServerLost(Exception):  # noqa: N818  the same
    """The fork server has ended, and with it every decoder: no picture is at fault."""


class ForkServer:
    """The fork server of this process. Thread-safe."""

    def __init__(self, operations: str, limits: DecoderLimits) -> None:
        """Start it; it loads the libraries meanwhile. `operations` is the module of what decoders do."""
        self.limits = limits
        self._lock = threading.Lock()
        self._control, other = socket.socketpair()
        self._control.settimeout(_ANSWER_S)
        with other:
            arguments = (other.fileno(), operations, limits.memory_bytes, limits.cpu_s, limits.wall_s, limits.pictures)
            self._process = subprocess.Popen(  # noqa: S603  fixed arguments
                [sys.executable, "-m", "pipelines.decoders.fork_server", *map(str, arguments)],
                cwd=ROOT,
                env={name: os.environ[name] for name in _LOADER_VARIABLES if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(other.fileno(),),
                # A signal to this process' group must not end a picture.
                start_new_session=True,
            )

    def fork(self) -> DecoderProcess:
        """Return a new decoder.

        Raises:
            ForkServerLost: The server has ended.
        """
        ours, other = socket.socketpair()
        try:
            with other:
                return DecoderProcess(self, ours, self._ask(b"fork", [other.fileno()]))
        except ForkServerLost:
            ours.close()
            raise

    def end(self, pid: int, *, kill: bool) -> int:
        """Wait for the end of a decoder and return its wait status.

        Raises:
            ForkServerLost: The server has ended.
        """
        return self._ask(f"{'kill' if kill else 'end'} {pid}".encode(), [])

    def close(self) -> None:
        """End the server and all decoders."""
        with contextlib.suppress(OSError):  # the server is gone
            # Closing alone would not wake a thread that waits for an answer.
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()
        try:
            self._process.wait(_EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, request: bytes, descriptors: list[int]) -> int:
        try:
            with self._lock:
                socket.send_fds(self._control, [request], descriptors)
                answer = self._control.recv(MAX_REQUEST_BYTES)
        except OSError as error:
            raise ForkServerLost from error
        if not answer:
            raise ForkServerLost
        return int(answer)


class DecoderProcess:
    """One decoder; serves one call at a time."""

    def __init__(self, server: ForkServer, connection: socket.socket, pid: int) -> None:
        """Use the process `pid` at the other end of `connection`."""
        self._server = server
        self._connection = connection
        self._pictures = 0
        self._interrupted = False
        self.pid = pid

    @property
    def worn(self) -> bool:
        """Whether it has had its number of pictures."""
        return self._pictures >= self._server.limits.pictures

    def ask(self, request: dict[str, object], data: bytes) -> Frame:
        """Return the answer. After an error the process has ended.

        Raises:
            DecoderDied: The process ended or exceeded a limit.
            ForkServerLost: The fork server has ended.
        """
        self._pictures += 1
        deadline = time.monotonic() + self._server.limits.wall_s
        try:
            self._connection.settimeout(self._server.limits.wall_s)
            send_frame(self._connection, request, data)
            return receive_frame(self._connection, max_bytes=_MAX_ANSWER_BYTES, deadline=deadline)
        except TimeoutError as error:
            self.end(kill=True)
            raise DecoderDied("time") from error
        except (EOFError, OSError, FrameError) as error:
            raise DecoderDied(_cause(self.end())) from error

    def interrupt(self) -> None:
        """End the running call from another thread: its caller is gone."""
        self._interrupted = True
        with contextlib.suppress(OSError):  # it has ended
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection: the process ends when it is idle."""
        self._connection.close()

    def end(self, *, kill: bool = False) -> int:
        """Close the connection, wait for the end of the process and return its wait status.

        Raises:
            ForkServerLost: The fork server has ended.
        """
        self.close()
        return self._server.end(self.pid, kill=kill or self._interrupted)


def _cause(status: int) -> str:
    if os.WIFSIGNALED(status):
        return {signal.SIGXCPU: "cpu", signal.SIGKILL: "memory"}.get(signal.Signals(os.WTERMSIG(status)), "crash")
    return "memory" if os.WEXITSTATUS(status) == EXIT_MEMORY else "crash"
