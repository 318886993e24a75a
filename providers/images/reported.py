"""Numbers that providers report. They are bounded instead of refused: a paid picture does not fail for a wrong one."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator

#: Larger than any call counts; the sum of many calls still fits into the database's integers.
MAX_TOKENS = 10_000_000
MAX_SECONDS = 86_400
MAX_COST_USD = 100


def bounded(value: Any, maximum: float) -> float:
    """Return `value` between 0 and `maximum`; 0 for what is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return 0
    return min(max(value, 0), maximum)


def _tokens(value: Any) -> int:
    return int(bounded(value, MAX_TOKENS))


def _seconds(value: Any) -> float:
    return bounded(value, MAX_SECONDS)


def _cost_usd(value: Any) -> float:
    return bounded(value, MAX_COST_USD)


TokenCount = Annotated[int, BeforeValidator(_tokens)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
CostUsd = Annotated[float, BeforeValidator(_cost_usd)]
