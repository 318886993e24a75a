"""Rows of `darkroom_jobs`, and the verdicts of the functions that move them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from schemas.common import JobState, Payload, Product


class Verdict(StrEnum):
    """Result of accepting a task."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    UNKNOWN_SESSION = "unknown_session"
    ENDED = "ended"
    PRODUCT_OFF = "product_off"


class Completion(StrEnum):
    """Result of completing a job."""

    COMPLETED = "completed"
    FENCED = "fenced"
    ENDED = "ended"


class StopVerdict(StrEnum):
    """Why a worker has to stop a job: another worker has it, or will; or it has ended elsewhere."""

    LOST = "lost"
    ENDED = "ended"


class Replay(StrEnum):
    """Result of replaying a job."""

    REPLAYED = "replayed"
    NOT_ENDED = "not_ended"
    NO_CREDITS = "no_credits"


class Reopening(StrEnum):
    """Result of making the session of a dead letter ready for another push."""

    READY = "ready"
    ENDED = "ended"
    REFUND_OWED = "refund_owed"
    NO_CREDITS = "no_credits"


class SettlementResult(Payload):
    """Whether this call ended the job or session, and the credits that it refunded."""

    moved: bool
    refunded: int


class CompletionResult(Payload):
    """Result of completing a job, and how many deliveries this call has put into the outbox."""

    completion: Completion
    deliveries: int = 0


class WorkerInfo(Payload):
    """One worker process.

    Attributes:
        version: Version of the messages that it understands.
        queues: The queues and roles that it was started with; None for all.
        slots: Largest number of jobs that wait for a provider.
    """

    worker_id: str
    host: str
    version: int
    queues: tuple[str, ...] | None
    slots: int


class NewTask(Payload):
    """A task to be accepted as a job."""

    task_id: str
    product: Product
    session_id: str
    owner_id: str
    user_id: str | None
    channel: str
    request_id: str
    payload: dict[str, Any]


class JobRow(Payload):
    """One row of `darkroom_jobs`.

    Attributes:
        payload: The task as its producer pushed it.
        token: The fencing token; grows with each dispatch, claim and recovery.
        worker_id: The worker that owns the job; None while no worker has claimed it.
        recoveries: Number of recoveries since the job was dispatched or ended.
        price: Credits charged for it; a failure refunds them.
        payer: `{kind, id, email}` of the payer.
        journal: State that must survive a crash, by stage.
        outcome: Result of a completed job.
        failure: Why it failed: `code`, `message`, `stage`, `attempt`, details.
    """

    task_id: str
    product: Product
    session_id: str
    owner_id: str
    user_id: str | None = None
    channel: str
    request_id: str
    payload: dict[str, Any]
    state: JobState
    run: int
    token: int
    worker_id: str | None = None
    recoveries: int = 0
    price: int = 0
    payer: dict[str, Any] | None = None
    journal: dict[str, Any] = Field(default_factory=dict)
    provider_job_id: str | None = None
    spent_usd: float = 0.0
    outcome: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    created_at: AwareDatetime
    dispatched_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None


class Orphan(Payload):
    """A queued or running session without a job."""

    product: Product
    channel: str
    session_id: str


class DeadLetter(Payload):
    """A payload that could not be processed, unchanged.

    Attributes:
        list: The Redis list it was pushed to.
        payload: Its text, or base64 where it was no UTF-8 text.
        complete: False if it was too large to keep whole; it can't be replayed then.
        owner_id: Owner named in the payload; only a session of this owner is ended.
        letter_key: Unique key made by the caller, so that a repeated call stores the dead letter once.
        message: Error message for the session that it names; None leaves that session unchanged.
    """

    id: int = 0
    list: str
    code: str
    reason: str
    payload: str = Field(repr=False)
    encoding: Literal["utf-8", "base64"] = "utf-8"
    complete: bool = True
    product: Product | None = None
    channel: str | None = None
    task_id: str | None = None
    session_id: str | None = None
    owner_id: str | None = None
    request_id: str | None = None
    letter_key: str | None = None
    message: str | None = None
    created_at: AwareDatetime | None = None

    @property
    def ends_session(self) -> bool:
        """Whether storing it ends a session."""
        return None not in {self.session_id, self.owner_id, self.message}
