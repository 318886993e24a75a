"""Removes the notices that TensorFlow Lite writes to standard error at every start.

Native threads write them directly to file descriptor 2, and no environment variable disables them. Output to that
descriptor is buffered while a filter is open and then written, except for known notices.
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
#: Whole lines, as MediaPipe 0.10.31 writes them; all other lines are written.
NOTICES = re.compile(
    rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\."
    rb"|WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    rb"|W\d{4} .* inference_feedback_manager\.cc:\d+\] Feedback manager requires a model with a single signature .*"
    rb"|W\d{4} .* landmark_projection_calculator\.cc:\d+\] Using NORM_RECT without IMAGE_DIMENSIONS is only .*"
)


class NativeLog:
    """Buffers standard error while at least one `filtered` context is open."""

    def __init__(self) -> None:
        """Start without buffering."""
        self._lock = threading.Lock()
        self._open = 0
        self._held: BinaryIO | None = None
        self._stderr = -1
        self._watches_crashes = False

    @contextlib.contextmanager
    def filtered(self) -> Iterator[None]:
        """Buffer standard error inside, then write it without the notices. Contexts may overlap."""
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
        # A crash inside would lose the buffer: write its traceback to the original descriptor.
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
