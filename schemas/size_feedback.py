"""Feedback of shops on recommended sizes."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from schemas.common import Frozen, Payload


class SizeOutcome(StrEnum):
    """Outcome of ordering a garment in the recommended size."""

    KEPT = "kept"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"


class SizeFeedbackRequest(Payload):
    """The body of `POST /size-feedback`."""

    estimate_id: str = Field(max_length=1024, description="`estimate_id` of the answer of `POST /estimate-body`")
    outcome: SizeOutcome = Field(description="kept, too_small or too_large")


class SizeEstimate(Frozen):
    """Signed content of an `estimate_id`: nothing about the person; nothing is stored before feedback is sent."""

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
