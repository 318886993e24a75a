from __future__ import annotations

from typing import Any

from pipelines.control.lease_renewer import LeaseRenewer
from pipelines.engine.running_jobs import RunningJobs, StopReason
from providers.records import Records
from providers.redis_clients import async_client
from schemas.common import StageName


class Database:
    """Renews every lease."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    async def call(self, function: str, **arguments: Any) -> Any:
        self.calls.append((function, arguments["p_leases"]))
        return {"t": "running"}

    async def aclose(self) -> None:
        """Close nothing."""


async def test_an_older_run_of_the_same_task_is_cancelled_and_the_newest_one_renewed() -> None:
    """Given a task that was recovered into the process that still runs it, only the newest run continues."""
    running_jobs, database = RunningJobs(), Database()
    renewer = LeaseRenewer(
        running_jobs, Records(database), async_client("redis://127.0.0.1:1"), lease_s=20, hard_s=600
    )  # fmt: skip
    with (
        running_jobs.track("t", 2, StageName.GENERATE) as newest,
        running_jobs.track("t", 1, StageName.GENERATE) as older,
    ):
        await renewer.run_once()

    assert (older.stop_reason, newest.stop_reason) == (StopReason.LOST, None)
    assert database.calls == [("darkroom_renew_leases", {"t": 2})]
