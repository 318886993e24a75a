"""Progress events: published on `task_updates:{task_id}` and kept for those who come late."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

#: Codes of a failed task that was cancelled.
CANCELLED_CODES = frozenset({"cancelled", "session_ended"})


class Status(StrEnum):
    """The four words of the progress channel."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether nothing follows."""
        return self in {Status.COMPLETED, Status.FAILED}


class Progress(BaseModel):
    """One change of a task, as a subscriber sees it.

    Attributes:
        progress: 0 to 100; never goes down within an attempt.
        message: The phase, for a person.
        seq: Counts the events of a task from 1; the id of the server-sent event.
        run: The run the event belongs to.
        attempt: The fencing token of the attempt: progress may start over when it grows.
        result_urls: The signed addresses, on completion.
        code: The machine-readable reason, on failure.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Status
    progress: int = Field(ge=0, le=100)
    message: str
    task_id: str = ""
    session_id: str = ""
    stage: str | None = None
    seq: int = 0
    run: int = 1
    attempt: int = 1
    result_urls: tuple[str, ...] = ()
    code: str | None = None
    at: float = 0.0

    @property
    def cancelled(self) -> bool:
        """Whether the task failed because it was cancelled."""
        return self.status is Status.FAILED and self.code in CANCELLED_CODES


def channel(task_id: str) -> str:
    """The Redis channel that a task's events are published on."""
    return f"task_updates:{task_id}"
