"""The two wire formats."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Whose wire format a call came in."""

    OPENAI = "openai"
    REPLICATE = "replicate"
