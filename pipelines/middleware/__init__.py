"""Dramatiq middleware that wraps every stage run, one concern per module. `actors.app` lists it, outermost first.

It wraps stages rather than use Dramatiq's after-hooks because those swallow exceptions; here a failure to settle or to
enqueue fails the stage run, and the job is recovered.
"""

from pipelines.middleware.cancellation import Cancellation
from pipelines.middleware.claims import Claims
from pipelines.middleware.log_context import LogContext
from pipelines.middleware.phase_progress import PhaseProgress
from pipelines.middleware.retries import Retries
from pipelines.middleware.settlement import Settlement
from pipelines.middleware.stage_metrics import StageMetrics
from pipelines.middleware.time_limit import TimeLimit

__all__ = [
    "Cancellation",
    "Claims",
    "LogContext",
    "PhaseProgress",
    "Retries",
    "Settlement",
    "StageMetrics",
    "TimeLimit",
]
