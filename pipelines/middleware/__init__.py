"""What surrounds every stage, one concern a module, outermost first.

`Correlation` binds the log context. `Claiming` drops what is stale or delivered twice and publishes the phase.
`Counting` counts what followed. `Settlement` turns a final error into a failed, refunded job. `Stopping` ends work
whose job was cancelled, lost or handed back. `Retries` turns a passing error into another try. `Reporting` logs how
long it took. `TimeLimit` bounds the stage.

They are ours rather than Dramatiq's because its hooks run after the fact and swallow what goes wrong in them; here a
failure to settle or to hand on is a failure of the delivery, and the job's lease brings it back.
"""

from pipelines.middleware.claiming import Claiming
from pipelines.middleware.correlation import Correlation
from pipelines.middleware.counting import Counting
from pipelines.middleware.reporting import Reporting
from pipelines.middleware.retries import Retries
from pipelines.middleware.settlement import Settlement
from pipelines.middleware.stopping import Stopping
from pipelines.middleware.time_limit import TimeLimit

__all__ = ["Claiming", "Correlation", "Counting", "Reporting", "Retries", "Settlement", "Stopping", "TimeLimit"]
