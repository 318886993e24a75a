"""Parses the HTTP header Retry-After."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def retry_after_s(headers: Mapping[str, str], *, max_s: float = math.inf) -> float | None:
    """Return the seconds to wait, 0 to `max_s`; None if the header is missing or malformed.

    A date is compared with the answer's own Date header where there is one, so that a wrong clock does not matter.

    Args:
        headers: The answer's headers; names are case-insensitive or in lower case.
        max_s: Upper bound of the result.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, headers.get("date", ""))
    return min(max(0.0, seconds), max_s) if math.isfinite(seconds) else None


def _seconds_until(date: str, sent_at: str) -> float:
    moment = _parse_date(date)
    now = _parse_date(sent_at) or datetime.now(UTC)
    return (moment - now).total_seconds() if moment else math.nan


def _parse_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        # A date of unknown zone, "-0000", is in UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
