"""A pool of decoder processes, each driven by a thread, behind an asyncio interface."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import structlog

from pipelines.decoders.process import DecoderDied, DecoderProcess, ForkServer, ForkServerLost
from pipelines.decoders.sandbox import DecoderLimits
from pipelines.decoders.wire import Frame
from schemas.errors import Unavailable

log = structlog.get_logger(__name__)


class DecoderPool:
    """Runs operations on pictures in decoder processes; a process is started when none is idle."""

    def __init__(self, operations: str, processes: int | None, limits: DecoderLimits) -> None:
        """Prepare the pool; nothing is started before the first call.

        Args:
            operations: Module of what decoders do, such as `pipelines.decoders.operations`.
            processes: Maximum number of decoders; one per core by default.
            limits: Limits of each.
        """
        self._operations = operations
        self._limits = limits
        self._threads = ThreadPoolExecutor(processes or _cores(), thread_name_prefix="decoder")
        self._lock = threading.Lock()
        self._server: ForkServer | None = None
        self._idle: deque[DecoderProcess] = deque()
        self._closed = False

    async def call(self, request: dict[str, object], data: bytes) -> Frame:
        """Return a decoder's answer. Cancelling the call ends its decoder.

        Raises:
            DecoderDied: The picture ended its decoder.
            Unavailable: No decoder can be started, or the fork server ended meanwhile.
        """
        call = _Call(request, data)
        future = self._threads.submit(self._run, call)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            call.abandon()
            raise
        except (ForkServerLost, OSError) as error:
            raise Unavailable("the decoder processes were lost", code="decoder_unavailable") from error

    def close(self) -> None:
        """End all decoders; queued calls are cancelled, running ones fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._closed = True
            server, self._server = self._server, None
        if server is not None:
            server.close()
        self._close_idle()

    def _run(self, call: _Call) -> Frame:
        process = self._take()
        call.begin(process)
        try:
            answer = process.ask(call.request, call.data)
        except DecoderDied as died:
            log.warning("decoder_died", cause=died.cause, abandoned=call.abandoned, bytes=len(call.data))
            raise
        finally:
            call.finish()
        if process.worn:
            with contextlib.suppress(ForkServerLost):  # the answer is there
                process.end()
        else:
            self._idle.append(process)
        return answer

    def _take(self) -> DecoderProcess:
        try:
            return self._idle.pop()
        except IndexError:
            return self._fork()

    def _fork(self) -> DecoderProcess:
        with self._lock:
            if self._closed:
                raise ForkServerLost
            server = self._server = self._server or ForkServer(self._operations, self._limits)
        try:
            return server.fork()
        except ForkServerLost:
            self._forget(server)
            raise

    def _forget(self, server: ForkServer) -> None:
        """Let the next call start another fork server."""
        with self._lock:
            if self._server is server:
                self._server = None
        server.close()
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Call:
    """One call, which its caller may abandon at any time."""

    def __init__(self, request: dict[str, object], data: bytes) -> None:
        self.request = request
        self.data = data
        self.abandoned = False
        self._process: DecoderProcess | None = None
        self._lock = threading.Lock()

    def begin(self, process: DecoderProcess) -> None:
        with self._lock:
            self._process = process
            if self.abandoned:
                process.interrupt()

    def finish(self) -> None:
        with self._lock:
            self._process = None

    def abandon(self) -> None:
        with self._lock:
            self.abandoned = True
            if self._process is not None:
                self._process.interrupt()


def _cores() -> int:
    """Return the number of cores that this process may use; some systems only know the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
