"""The queues, and how many jobs a worker process has in hand at each of them."""

from __future__ import annotations

from schemas.common import StageName

CONTROL = "control"
#: A role, not a queue: a worker that is told its queues takes tasks and dispatches only if this is among them.
INGEST = "ingest"
QUEUES = (*(stage.value for stage in StageName), CONTROL)


def limits(generations: int) -> dict[str, int]:
    """Jobs in hand by queue: what waits may be many, what computes no more than keeps the cores busy."""
    return {
        StageName.FETCH: 16,
        StageName.RESIZE: 32,
        StageName.GENERATE: generations,
        StageName.WATERMARK: 32,
        StageName.UPLOAD: 64,
        StageName.NOTIFY: 64,
        CONTROL: 2,
    }
