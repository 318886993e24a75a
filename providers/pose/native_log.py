"""Keeps the notices that TensorFlow Lite writes to standard error at every start out of our logs.

They are written by native threads straight to file descriptor 2, and no environment variable switches them off. What is
written there meanwhile is held back for that long and then passed on, except for lines that are known to mean nothing.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

STDERR = 2
#: Whole lines, as MediaPipe 0.10.31 writes them; a line that is not among them is passed on.
NOTICES = re.compile(
    rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."
    rb"|WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|W\d{4} .* inference_feedback_manager\.cc:\d+\] Feedback manager requires a model with a single signature .*"
    rb"|W\d{4} .* landmark_projection_calculator\.cc:\d+\] Using NORM_RECT without IMAGE_DIMENSIONS is only .*"
)


class NativeLog:
    """Holds back what is written to standard error while at least one `filtered` context is open."""

    def __init__(self) -> None:
        """Nothing is held back yet."""
        self._lock = threading.Lock()
        self._open = 0
        self._held: BinaryIO | None = None
        self._stderr = -1
        self._watches_crashes = False

    @contextlib.contextmanager
    def filtered(self) -> Iterator[None]:
        """Hold back standard error inside, then pass it on without the notices. Contexts may overlap."""
        with self._lock:
            self._open += 1
            if self._open == 1:
                self._hold()
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                if self._open == 0:
                    self._pass_on()

    def _hold(self) -> None:
        self._held = tempfile.TemporaryFile()  # noqa: SIM115  closed when it is passed on
        self._stderr = os.dup(STDERR)
        os.dup2(self._held.fileno(), STDERR)
        # A crash inside would leave what is held back unread: its traceback goes past it.
        self._watches_crashes = not faulthandler.is_enabled()
        if self._watches_crashes:
            faulthandler.enable(self._stderr)

    def _pass_on(self) -> None:
        assert self._held is not None  # noqa: S101  it was opened by `_hold`
        sys.stderr.flush()
        if self._watches_crashes:
            faulthandler.disable()
        os.dup2(self._stderr, STDERR)
        self._held.seek(0)
        for line in self._held:
            if not NOTICES.fullmatch(line.rstrip(b"\r\n")):
                os.write(STDERR, line)
        self._held.close()
        os.close(self._stderr)


NATIVE_LOG = NativeLog()
