"""What surrounds every stage, one concern a module, outermost first.

`LogContext` binds the log context. `Deduplication` drops what is stale or delivered twice and publishes the phase.
`StageMetrics` counts what followed. `Settlement` turns a final error into a failed, refunded job. `Cancellation` ends work
whose job was cancelled, lost or handed back. `Retries` turns a passing error into another try. `Reporting` logs how
long it took. `TimeLimit` bounds the stage.

They are ours rather than Dramatiq's because its hooks run after the fact and swallow what goes wrong in them; here a
failure to settle or to hand on is a failure of the run, and the job's lease brings it back.
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
