"""Signed, short-lived addresses of event streams: a browser's EventSource can't send a token."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from http import HTTPStatus

from api.problems import Problem

LIFETIME_S = 3600
_EXPIRES = re.compile(r"[0-9]{1,12}")


class EventUrls:
    """Signs addresses and checks signatures; a signature covers the task and the time."""

    def __init__(self, key: bytes) -> None:
        """Sign with `key`."""
        self._key = key

    def events_path(self, task_id: str) -> str:
        """Where anybody can follow the task for an hour."""
        expires = str(int(time.time()) + LIFETIME_S)
        return f"/tasks/{task_id}/events?expires={expires}&signature={self._sign(task_id, expires)}"

    def check(self, task_id: str, expires: str, signature: str) -> None:
        """Return if we signed this and its time has not passed; raises a `Problem` else."""
        expected = self._sign(task_id, expires).encode()
        if not hmac.compare_digest(expected, signature.encode(errors="replace")) or not _EXPIRES.fullmatch(expires):
            raise Problem(HTTPStatus.FORBIDDEN, "link_invalid", "This link is not valid.")
        if time.time() >= int(expires):
            raise Problem(HTTPStatus.FORBIDDEN, "link_expired", "This link has expired.")

    def _sign(self, task_id: str, expires: str) -> str:
        text = f"events\n{task_id}\n{expires}".encode(errors="replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
