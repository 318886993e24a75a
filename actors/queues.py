"""The queues, and how many jobs a worker process runs at each of them."""

from __future__ import annotations

from schemas.common import StageName

CONTROL = "control"
#: Not a queue but a role: a worker that is started with a list of queues ingests and dispatches only if this is listed.
INGEST = "ingest"
QUEUES = (*(stage.value for stage in StageName), CONTROL)


def limits(generations: int) -> dict[str, int]:
    """Return the largest number of jobs by queue; `generations` of them may wait for a provider.

    Stages that wait for the network may be many, stages that compute no more than keep the cores busy.
    """
    return {
        StageName.FETCH: 16,
        StageName.RESIZE: 32,
        StageName.GENERATE: generations,
        StageName.WATERMARK: 32,
        StageName.UPLOAD: 64,
        StageName.NOTIFY: 64,
        CONTROL: 2,
    }
