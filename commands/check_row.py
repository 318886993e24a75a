"""Rows of `manage.py check`."""

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
    """Name of a check, severity of its finding, and the finding as a sentence."""

    name: str
    level: Level
    detail: str


def ok(name: str, detail: str) -> CheckRow:
    """Return a row for a check that passed."""
    return CheckRow(name, Level.OK, detail)


def warning(name: str, detail: str) -> CheckRow:
    """Return a row for a possible problem."""
    return CheckRow(name, Level.WARNING, detail)


def fault(name: str, detail: str) -> CheckRow:
    """Return a row for a problem that must be fixed."""
    return CheckRow(name, Level.FAULT, detail)


def tried(name: str, probe: Callable[[], CheckRow]) -> CheckRow:
    """Call `probe` and return its row, or a fault with the error that it raised."""
    try:
        return probe()
    except (redis.RedisError, psycopg.Error, OSError, ValueError, DarkroomError) as error:
        return fault(name, " ".join(f"{type(error).__name__}: {error}".split())[:300])
