"""One row of `manage.py check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import redis

from providers.images.retirement import Level
from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What was tried, how bad what was found is, and the finding as a sentence."""

    name: str
    level: Level
    detail: str


def ok(name: str, detail: str) -> CheckRow:
    """Return a row that needs nothing."""
    return CheckRow(name, Level.OK, detail)


def warning(name: str, detail: str) -> CheckRow:
    """Return a row of something that should be looked at."""
    return CheckRow(name, Level.WARNING, detail)


def fault(name: str, detail: str) -> CheckRow:
    """Return a row of something that must be mended."""
    return CheckRow(name, Level.FAULT, detail)


def tried(name: str, probe: Callable[[], CheckRow]) -> CheckRow:
    """Return the row of `probe`, or a fault with the error that it raised."""
    try:
        return probe()
    except (redis.RedisError, psycopg.Error, OSError, ValueError, DarkroomError) as error:
        return fault(name, " ".join(f"{type(error).__name__}: {error}".split())[:300])
