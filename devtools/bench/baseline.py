"""Figures of an earlier run, for comparison."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commands.outcome import CommandError

if TYPE_CHECKING:
    from pathlib import Path


def read(file: Path) -> dict[str, Any]:
    """Return the figures of an earlier run.

    Raises:
        CommandError: The file can't be read or is not a JSON object.
    """
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"Cannot read the baseline {file}: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"The baseline {file} is not a JSON object; give the bench.json of an earlier run.")
    return found


def change(now: float, before: float | None) -> str:
    """Return the signed change in percent; empty without an earlier figure."""
    return "" if not before else f"{(now / before - 1) * 100:+.0f} %"
