"""Corrections learned from shops' feedback, kept in memory and refreshed in the background."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import structlog

from pipelines.sizing.feedback import FeedbackCounts, learned_shift_cm
from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from providers.records.size_feedback import SizeFeedbackRecords
    from schemas.size_feedback import SizeFeedbackRow

#: Seconds after which the counts are read again.
REFRESH_S = 300.0

log = structlog.get_logger(__name__)


class SizeShifts:
    """Corrections by shop and chart. Requests never wait for the database: they use the latest counts in memory."""

    def __init__(self, records: SizeFeedbackRecords) -> None:
        """Read from `records`; nothing is read before the first call."""
        self._records = records
        self._groups: dict[tuple[str, str], list[FeedbackCounts]] = {}
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    def shift_cm(self, store_id: str | None, chart: str, step_cm: float) -> float:
        """Return the correction of the girth for this shop and chart, cm; start a refresh in the background if due."""
        if store_id is None:
            return 0.0
        if time.monotonic() >= self._due and (self._task is None or self._task.done()):
            self._due = time.monotonic() + REFRESH_S
            self._task = asyncio.create_task(self.refresh())
        return learned_shift_cm(self._groups.get((store_id, chart), ()), step_cm)

    async def refresh(self) -> None:
        """Read the counts again; keep the earlier ones if the database can't be read."""
        try:
            rows = await self._records.counts()
        except DarkroomError as error:
            log.warning("size_feedback_not_read", code=error.error_code)
            return
        self._groups = grouped(rows)

    async def aclose(self) -> None:
        """Stop a refresh that is running."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def grouped(rows: list[SizeFeedbackRow]) -> dict[tuple[str, str], list[FeedbackCounts]]:
    """Return the counts by shop and chart."""
    groups: dict[tuple[str, str], list[FeedbackCounts]] = defaultdict(list)
    for row in rows:
        counts = FeedbackCounts(row.shift_cm, row.kept, row.too_small, row.too_large)
        groups[row.store_id, row.chart].append(counts)
    return dict(groups)
