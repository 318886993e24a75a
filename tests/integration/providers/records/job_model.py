"""A model of jobs and workers: what the database may answer, without SQL.

The model has a clock of its own. A lease and the time to claim a job last `LEASE_S`; the clock moves in steps that
never end exactly when one of them does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LEASE_S = 100
STEP_S = 60
ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass
class ModelJob:
    """One job, and the row of its dispatch while it has one.

    Attributes:
        tokens: The newest token that was ever given out.
        dispatched: Whether the job runs or its outcome is to be published.
        session_gone: Whether another program has ended the session.
        refunded_runs: Runs that were refunded.
    """

    task_id: str
    session_id: str
    owner_id: str
    state: str = "waiting"
    run: int = 1
    tokens: int = 0
    recoveries: int = 0
    not_before: int | None = None
    dispatched: bool = False
    worker: str | None = None
    claim_id: str | None = None
    claim_by: int = 0
    claimed_at: int = 0
    session_gone: bool = False
    refunded_runs: set[int] = field(default_factory=set)

    def expect_claim(self, by: int) -> None:
        """Let any worker claim the job until `by`."""
        self.dispatched, self.worker, self.claim_by = True, None, by

    def end(self, state: str, *, refunded: bool) -> None:
        """End the run."""
        self.state, self.not_before = state, None
        if refunded:
            self.refunded_runs.add(self.run)


@dataclass
class ModelWorker:
    """One worker process.

    Attributes:
        jobs: The tokens of the jobs that it has, by task id.
        paused: Whether it does nothing, not even heartbeats.
        lease_until: When its lease ends; None before its first heartbeat.
    """

    name: str
    jobs: dict[str, int] = field(default_factory=dict)
    paused: bool = False
    lease_until: int | None = None


class Model:
    """All jobs and workers, by id, and the balances of their owners."""

    def __init__(self) -> None:
        self.now = 0
        self.jobs: dict[str, ModelJob] = {}
        self.leases: dict[str, int] = {}
        self.balances: dict[str, int] = {}

    @property
    def in_flight(self) -> int:
        """Number of dispatched jobs."""
        return sum(job.dispatched for job in self.jobs.values())

    def dispatchable(self) -> set[str]:
        """Jobs that wait and are due."""
        return {
            job.task_id
            for job in self.jobs.values()
            if job.state == "waiting" and (job.not_before is None or job.not_before <= self.now)
        }

    def owned(self, task_id: str, token: int) -> bool:
        """Whether `token` is the current one of a dispatched job."""
        job = self.jobs[task_id]
        return job.dispatched and job.tokens == token

    def lost(self) -> dict[str, int]:
        """Tokens of the jobs that no live worker owns, by task id."""
        return {job.task_id: job.tokens for job in self.jobs.values() if job.dispatched and self._is_lost(job)}

    def verdict(self, task_id: str, token: int) -> str | None:
        """Return what a heartbeat says about a job that a worker names with `token`."""
        job = self.jobs[task_id]
        if self.owned(task_id, token):
            return None
        return "ended" if job.state in ENDED else "lost"

    def _is_lost(self, job: ModelJob) -> bool:
        if job.worker is None:
            return job.claim_by <= self.now
        return job.claimed_at + LEASE_S < self.now and self.leases.get(job.worker, -1) < self.now
