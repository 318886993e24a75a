"""Progress events: published on `task_updates:{task_id}` and stored for late subscribers."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

#: Failure codes of a cancelled task.
CANCELLED_CODES = frozenset({"cancelled", "session_ended"})


class Status(StrEnum):
    """The status of a progress event."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Return whether this is the status of a task's last event."""
        return self in {Status.COMPLETED, Status.FAILED}


class Progress(BaseModel):
    """A progress event of a task.

    Attributes:
        progress: 0 to 100; never goes down within an attempt.
        message: The phase, in words for the user.
        seq: Number of the event within its task, from 1; the id of the server-sent event.
        run: The run the event belongs to, from 1; 0 if the task was refused before its first run.
        attempt: The fencing token of the attempt: a new attempt may restart the progress.
        result_urls: Signed addresses of the pictures, on completion.
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
        """Return whether the task was cancelled."""
        return self.status is Status.FAILED and self.code in CANCELLED_CODES


def channel(task_id: str) -> str:
    """Return the Redis channel of a task's events."""
    return f"task_updates:{task_id}"
