"""Limits of the event streams of one process, so that no single client uses up its connections."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from http import HTTPStatus

from api.problems import Problem

RETRY_AFTER_S = 5


class StreamSubject(StrEnum):
    """What streams are counted by."""

    LINK = "link"
    TASK = "task"
    OWNER = "owner"
    ADDRESS = "address"


#: Maximum number of open streams. A process accepts 4096 connections (`worker_connections`).
LIMITS = {
    StreamSubject.LINK: 16,
    StreamSubject.TASK: 64,
    StreamSubject.OWNER: 1024,
    StreamSubject.ADDRESS: 1024,
}


class StreamLimits:
    """Counts the open streams by subject."""

    def __init__(self) -> None:
        self._open: Counter[tuple[StreamSubject, str]] = Counter()

    def take(self, subject: StreamSubject, name: str) -> None:
        """Count one more stream.

        Raises:
            Problem: 429: there are as many as are allowed.
        """
        if self._open[subject, name] >= LIMITS[subject]:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS, "too_many_streams",
                f"Too many event streams of this {subject.value} are open. Please close others first.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )  # fmt: skip
        self._open[subject, name] += 1

    def release(self, subject: StreamSubject, name: str) -> None:
        """Count one stream less."""
        self._open[subject, name] -= 1
        if not self._open[subject, name]:
            del self._open[subject, name]

    def __len__(self) -> int:
        """Return the number of subjects with open streams."""
        return len(self._open)
