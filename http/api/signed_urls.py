"""Signed, short-lived URLs of event streams: a browser's EventSource can't send a token."""

from __future__ import annotations

import time
from http import HTTPStatus

from api.problems import Problem
from providers.signing import LinkKind, LinkRefused, LinkSigner

#: Seconds.
LIFETIME_S = 3600


class EventUrls:
    """Signs the URLs of event streams and verifies them."""

    def __init__(self, key: bytes) -> None:
        """Sign with `key`."""
        self._links = LinkSigner(key, LinkKind.EVENTS)

    def events_path(self, task_id: str) -> str:
        """Return the path and query at which the task's events can be read without a token for `LIFETIME_S` seconds."""
        return f"/tasks/{task_id}/events?{self._links.query(task_id, lifetime_s=LIFETIME_S)}"

    def verify(self, task_id: str, expires: str, signature: str) -> None:
        """Return if the URL of this task's events is signed and still valid.

        Raises:
            Problem: 403 `link_invalid` or `link_expired`.
        """
        try:
            self._links.verify(task_id, expires, signature, now=time.time())
        except LinkRefused as error:
            raise link_problem(error) from error


def link_problem(error: LinkRefused) -> Problem:
    """Return the 403 for a signed link that is refused."""
    detail = "This link has expired." if error.error_code == "link_expired" else "This link is not valid."
    return Problem(HTTPStatus.FORBIDDEN, error.error_code, detail)
