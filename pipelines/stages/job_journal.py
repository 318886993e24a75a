"""The journal of a job: the state that must survive a crash (provider job ids, finished pictures, costs)."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from pipelines.retrying.unavailable import retry_while_unavailable
from providers.records import Records
from schemas.common import JobState
from schemas.errors import Fenced
from schemas.job import Job


class JobJournal:
    """The journal of one job. Every write is checked against the job's fencing token."""

    def __init__(self, job: Job, records: Records) -> None:
        """Read and write the journal of `job`."""
        self._job = job
        self._records = records

    async def read(self) -> dict[str, Any]:
        """Return the journal.

        Raises:
            Fenced: Another worker owns the job, or it has ended.
            Unavailable: The database can't be reached.
        """
        row = await self._records.job(self._job.task_id)
        if row is None or row.token != self._job.token or row.state is not JobState.RUNNING:
            raise Fenced("another worker owns the job, or the job has ended")
        return row.journal

    async def begin_call(self, key: str) -> None:
        """Record the start of a paid call for picture `key`, which also shows that the database accepts writes.

        Raises:
            Fenced: As `read`.
            Unavailable: The database can't be reached: no call may be made.
        """
        begun = {"attempt": self._job.attempt, "at": datetime.now(UTC).isoformat()}
        self._check(await self._records.journal(self._job.task_id, self._job.token, ["begun", key], begun))

    async def write(
        self, path: list[str], value: dict[str, Any], *, provider_job_id: str | None = None, spent_usd: float = 0.0
    ) -> None:
        """Write `value` at `path`; retry while the database is unavailable and this worker owns the job.

        `spent_usd` (US dollars) is counted once per path, even if the path is written several times.

        Raises:
            Fenced: As `read`.
        """

        def write() -> Awaitable[bool]:
            return self._records.journal(
                self._job.task_id, self._job.token, path, value, provider_job_id=provider_job_id, spent_usd=spent_usd
            )

        self._check(await retry_while_unavailable(write))

    def _check(self, written: bool) -> None:  # noqa: FBT001  the result of the SQL function
        if not written:
            raise Fenced("another worker took over the job while it was generating")
