"""Stored feedback on recommended sizes; every method is one SQL function and one transaction."""

from __future__ import annotations

from providers.records.base import Rpc
from schemas.size_feedback import SizeEstimate, SizeFeedbackRow, SizeOutcome


class SizeFeedbackRecords:
    """Feedback by shop and chart. Every method raises `DatabaseUnavailable` or `DatabaseRefused`."""

    def __init__(self, rpc: Rpc) -> None:
        """Use `rpc`, which its owner closes."""
        self._rpc = rpc

    async def add(self, estimate: SizeEstimate, outcome: SizeOutcome) -> None:
        """Store the outcome of an estimate, replacing an earlier one."""
        await self._rpc.call(
            "darkroom_add_size_feedback", p_estimate=estimate.model_dump(mode="json"), p_outcome=outcome.value
        )

    async def counts(self, store_id: str | None = None) -> list[SizeFeedbackRow]:
        """Return the number of answers by shop, chart and applied shift; of one shop if given."""
        rows = await self._rpc.call("darkroom_size_feedback_counts", p_store_id=store_id)
        return [SizeFeedbackRow.model_validate(row) for row in rows]
