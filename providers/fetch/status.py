"""Errors for answers without a picture and for failed downloads."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from providers.pictures.errors import input_refused
from providers.retry_after import retry_after_s
from schemas.errors import DarkroomError, RateLimited, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Upper bound of the wait that an untrusted server may ask for, seconds.
_MAX_RETRY_AFTER_S = 120.0

_TRANSIENT = frozenset({408, 425, 500, 502, 503, 504})
_REASONS = {
    401: "may not be read: its address has expired or needs a login",
    403: "may not be read: its address has expired or needs a login",
    404: "was not found at its address",
    410: "was not found at its address",
}


def error_for_status(status: int, headers: Mapping[str, str], *, subject: str) -> DarkroomError:
    """Return the error for an HTTP status other than 200.

    Args:
        status: The HTTP status.
        headers: The answer's headers.
        subject: Name of the picture in messages for users, such as `Input 2`.
    """
    retry_after = retry_after_s(headers, max_s=_MAX_RETRY_AFTER_S)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(
            public_message=f"{subject} could not be downloaded because its server is too busy. Please try again later.",
            retry_after=retry_after,
            http_status=status,
        )
    if status in _TRANSIENT or status > HTTPStatus.GATEWAY_TIMEOUT:
        return no_answer(subject, retry_after=retry_after, http_status=status)
    why = _REASONS.get(status, "could not be downloaded: its server did not hand out a picture")
    return input_refused(subject, why, code="not_handed_out", http_status=status)


def no_answer(subject: str, *, retry_after: float | None = None, http_status: int | None = None) -> Transient:
    """Return the error for a network or server failure that may pass."""
    return Transient(
        public_message=f"{subject} could not be downloaded because its server did not answer. Please try again later.",
        code="fetch_failed",
        retry_after=retry_after,
        http_status=http_status,
    )


def too_slow(subject: str, timeout_s: float) -> Transient:
    """Return the error for an exceeded deadline of `timeout_s` seconds."""
    return Transient(
        public_message=f"{subject} could not be downloaded within {timeout_s:g} seconds. Please try again later.",
        code="fetch_timeout",
    )
