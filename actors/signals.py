"""Signals of a worker process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

#: The signals that make Dramatiq's worker process stop; the second of them makes it exit at once.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def ignore_repeated_stop_signals() -> None:
    """Hand the first stop signal to the handlers that are installed, and ignore all that follow.

    A signal to the process group arrives twice, since Dramatiq's main process forwards its own. Dramatiq's handler
    exits at the second: the jobs in progress would neither finish nor be requeued.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    pending = [True]
    for number in STOP_SIGNALS:
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, _first_only(handler, pending))


def _first_only(handler: Handler, pending: list[bool]) -> Handler:
    def handle(number: int, frame: FrameType | None) -> None:
        if pending:
            pending.clear()
            handler(number, frame)

    return handle
