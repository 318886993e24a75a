"""What an answer that brings no picture means."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from providers.pictures.errors import refusal
from schemas.errors import DarkroomError, RateLimited, Transient

#: A stranger's server may not put a job off for longer, in seconds.
_MAX_RETRY_AFTER_S = 120.0

_PASSING = frozenset({408, 425, 500, 502, 503, 504})
_REASONS = {
    401: "may not be read: its address has expired or needs a login",
    403: "may not be read: its address has expired or needs a login",
    404: "was not found at its address",
    410: "was not found at its address",
}


def failure(status: int, retry_after: str, *, subject: str) -> DarkroomError:
    """The error that an HTTP status other than 200 stands for.

    Args:
        status: The HTTP status.
        retry_after: The Retry-After header, empty if there was none.
        subject: How the picture is named to the user.
    """
    if status == 429:  # noqa: PLR2004  Too Many Requests
        return RateLimited(
            public_message=f"{subject} could not be downloaded because its server is too busy. Please try again later.",
            retry_after=parse_retry_after(retry_after),
            http_status=status,
        )
    if status in _PASSING or status > 504:  # noqa: PLR2004  5xx that are not in the table
        return no_answer(subject, retry_after=parse_retry_after(retry_after), http_status=status)
    why = _REASONS.get(status, "could not be downloaded: its server did not hand out a picture")
    return refusal(subject, why, code="not_handed_out", http_status=status)


def no_answer(subject: str, *, retry_after: float | None = None, http_status: int | None = None) -> Transient:
    """The network or the server failed in a way that may pass."""
    return Transient(
        public_message=f"{subject} could not be downloaded because its server did not answer. Please try again later.",
        code="fetch_failed",
        retry_after=retry_after,
        http_status=http_status,
    )


def too_slow(subject: str, timeout_s: float) -> Transient:
    """The total deadline passed."""
    return Transient(
        public_message=f"{subject} could not be downloaded within {timeout_s:g} seconds. Please try again later.",
        code="fetch_timeout",
    )


def parse_retry_after(header: str) -> float | None:
    """Seconds to wait, 0 to 120, from a number of seconds or an HTTP date; None if it is neither."""
    try:
        seconds = float(header) if header.isdecimal() else _seconds_until(parsedate_to_datetime(header))
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)


def _seconds_until(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
