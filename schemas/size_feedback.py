"""Whether recommended sizes fitted: what shops report about their orders."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.common import Frozen, Payload


class SizeOutcome(StrEnum):
    """What became of a garment of the recommended size."""

    KEPT = "kept"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"


class SizeFeedbackRequest(Payload):
    """The body of `POST /size-feedback`."""

    estimate_id: str = Field(max_length=1024, description="`estimate_id` of the answer of `POST /estimate-body`")
    outcome: SizeOutcome = Field(description="kept, too_small or too_large")


class SizeEstimate(Frozen):
    """What an `estimate_id` carries, signed: nothing about the person, and nothing is stored until feedback comes."""

    nonce: str
    store_id: str
    chart: str
    size: str
    shift_cm: float


class SizeFeedbackRow(Frozen):
    """Answers of one shop about one chart, given while one shift was applied."""

    store_id: str
    chart: str
    shift_cm: float
    kept: int
    too_small: int
    too_large: int
