"""Workers, their claims of jobs, and recovery. Every method is one SQL function and one transaction."""

from __future__ import annotations

from collections.abc import Mapping

from providers.records.base import Rpc
from providers.records.rows import KNOWN_PRODUCTS, job_row, job_rows
from schemas.records import JobRow, StopVerdict, WorkerInfo


class Workers:
    """Ownership of jobs: a job belongs to the worker and the token of its latest claim.

    Every method raises `DatabaseUnavailable`, which may pass, or `DatabaseRefused`, which does not. `lease_s` is the
    duration of a lease, seconds.
    """

    def __init__(self, rpc: Rpc) -> None:
        """Call functions through `rpc`, which the caller closes."""
        self._rpc = rpc

    async def heartbeat(
        self, worker: WorkerInfo, jobs: Mapping[str, int | None], *, lease_s: float
    ) -> dict[str, StopVerdict]:
        """Renew the lease of a worker; return the jobs that it has to stop, by task id.

        Args:
            worker: The worker.
            jobs: Tokens of all its jobs by task id; None for a job that it is claiming. A job that is not named is
                given up, a lease after its claim.
            lease_s: Duration of a lease, seconds.
        """
        found = await self._rpc.call(
            "darkroom_heartbeat",
            p_worker_id=worker.worker_id,
            p_worker=worker.model_dump(mode="json", exclude={"worker_id"}),
            p_jobs=dict(jobs),
            p_lease_s=lease_s,
        )
        return {task_id: StopVerdict(verdict) for task_id, verdict in found.items()}

    async def claim(self, task_id: str, token: int, *, worker_id: str, claim_id: str) -> int | None:
        """Claim the job of a message with `token` for a worker; return the new token.

        None if the message is outdated or was claimed before. Claiming again with the same `claim_id` is safe.
        """
        found = await self._rpc.call(
            "darkroom_claim", p_task_id=task_id, p_token=token, p_worker_id=worker_id, p_claim_id=claim_id
        )
        return None if found is None else int(found)

    async def expect_claim(self, task_id: str, token: int, within_s: float) -> bool:
        """Let any worker claim the job's queued message, within `within_s` seconds; return False if one has."""
        return bool(
            await self._rpc.call("darkroom_expect_claim", p_task_id=task_id, p_token=token, p_within_s=within_s)
        )

    async def lost_jobs(self, *, lease_s: float, limit: int = 500) -> list[JobRow]:
        """Return jobs that no live worker owns, of products that this version knows."""
        return job_rows(
            await self._rpc.call("darkroom_lost_jobs", p_limit=limit, p_lease_s=lease_s, p_products=KNOWN_PRODUCTS)
        )

    async def recover(self, task_id: str, token: int, *, max_recoveries: int, lease_s: float) -> JobRow | None:
        """Recover a job that no live worker owns; return None if another worker was first.

        If the row's `recoveries` exceed `max_recoveries`, the caller must end the job.
        """
        row = await self._rpc.call(
            "darkroom_recover", p_task_id=task_id, p_token=token, p_max_recoveries=max_recoveries, p_lease_s=lease_s
        )
        return job_row(row) if row else None

    async def release(self, jobs: Mapping[str, int]) -> int:
        """Release ended jobs, given as token by task id, whose outcome was published; return how many were released."""
        return int(await self._rpc.call("darkroom_release", p_jobs=dict(jobs)))

    async def forget(self, older_than_s: float) -> int:
        """Delete workers whose lease expired more than `older_than_s` seconds ago; return how many."""
        return int(await self._rpc.call("darkroom_forget_workers", p_older_s=older_than_s))
