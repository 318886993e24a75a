"""Earlier figures to compare with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commands.outcome import CommandError

if TYPE_CHECKING:
    from pathlib import Path


def read(file: Path) -> dict[str, Any]:
    """The object that an earlier run left.

    Raises:
        CommandError: The file can't be read or holds something else.
    """
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"The baseline {file} can't be read: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"The baseline {file} holds no object.")
    return found


def change(now: float, before: float | None) -> str:
    """How a figure differs from the earlier one, in percent with its sign; empty where there is none."""
    return "" if not before else f"{(now / before - 1) * 100:+.0f} %"
