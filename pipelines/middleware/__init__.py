"""Wrappers around every stage, one concern per module, listed outermost first.

`LogContext` binds the log context. `Deduplication` drops stale and repeated messages and publishes the phase.
`StageMetrics` counts results. `Settlement` turns a final error into a failed, refunded job. `Cancellation` ends stages
of jobs that were cancelled, lost or handed back. `Retries` turns a transient error into another attempt. `Reporting`
records durations. `TimeLimit` bounds the stage.

They wrap the stage rather than use Dramatiq's after-hooks because those swallow exceptions; here a failure to settle or
to enqueue fails the stage run, and the job's lease brings the job back.
"""

from pipelines.middleware.cancellation import Cancellation
from pipelines.middleware.deduplication import Deduplication
from pipelines.middleware.log_context import LogContext
from pipelines.middleware.metrics import StageMetrics
from pipelines.middleware.reporting import Reporting
from pipelines.middleware.retries import Retries
from pipelines.middleware.settlement import Settlement
from pipelines.middleware.time_limit import TimeLimit

__all__ = [
    "Cancellation",
    "Deduplication",
    "LogContext",
    "Reporting",
    "Retries",
    "Settlement",
    "StageMetrics",
    "TimeLimit",
]
