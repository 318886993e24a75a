"""What a job must not lose in a crash: provider job ids, finished pictures, what calls cost."""

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
    """The journal of one job, written under its fencing token."""

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
            raise Fenced("the job is not ours to pay for")
        return row.journal

    async def begin_call(self, key: str) -> None:
        """Note that a paid call for picture `key` begins now; after that the database is known to take writes.

        Raises:
            Fenced: As `read`.
            Unavailable: The database can't be reached: no call may be made.
        """
        begun = {"attempt": self._job.attempt, "at": datetime.now(UTC).isoformat()}
        self._check(await self._records.journal(self._job.task_id, self._job.token, ["begun", key], begun))

    async def write(
        self, path: list[str], value: dict[str, Any], *, provider_job_id: str | None = None, spent_usd: float = 0.0
    ) -> None:
        """Write `value` at `path`, for as long as the database is unavailable and the job is ours.

        `spent_usd` (US dollars) counts once for each path, however often it is written.

        Raises:
            Fenced: As `read`.
        """

        def write() -> Awaitable[bool]:
            return self._records.journal(
                self._job.task_id, self._job.token, path, value, provider_job_id=provider_job_id, spent_usd=spent_usd
            )

        self._check(await retry_while_unavailable(write))

    def _check(self, written: bool) -> None:  # noqa: FBT001  the database's answer
        if not written:
            raise Fenced("lost the job while generating")
