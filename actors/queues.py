"""The queues, and how many jobs a worker process has in hand at each of them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from schemas.common import StageName

CONTROL = "control"
#: A role, not a queue: a worker that is told its queues takes tasks and dispatches only if this is among them.
INGEST = "ingest"
QUEUES = (*(stage.value for stage in StageName), CONTROL)


def limits(generations: int) -> dict[str, int]:
    """Jobs in hand by queue: what waits may be many, what computes no more than keeps the cores busy."""
    cores = os.cpu_count() or 1
    return {
        StageName.FETCH: 16,
        StageName.RESIZE: 8 * cores,
        StageName.GENERATE: generations,
        StageName.WATERMARK: 8 * cores,
        StageName.UPLOAD: 16,
        StageName.NOTIFY: 16,
        CONTROL: 2,
    }


def threads(limits: dict[str, int], queues: Iterable[str] | None) -> int:
    """Threads a worker of these queues needs, so that whatever it has in hand is being worked on."""
    return sum(limit for queue, limit in limits.items() if queues is None or queue in queues) or 1
