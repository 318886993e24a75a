"""Types shared by every payload."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints

#: A UUID or another safe path segment. Ids become folder names in the object storage: anything else is refused.
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
#: Request ids are only logged and passed on, so dots and colons are allowed as well.
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
Url = Annotated[str, StringConstraints(min_length=8, max_length=4096, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://\S+$")]
Timestamp = AwareDatetime

MAX_PROMPT_CHARS = 8_000
Prompt = Annotated[
    str,
    BeforeValidator(lambda value: "" if value is None else value),
    StringConstraints(max_length=MAX_PROMPT_CHARS, strip_whitespace=True),
]


class Product(StrEnum):
    """The three products that share the engine."""

    TRYON = "tryon"
    AVATAR = "avatar"
    IMAGES = "images"


class StageName(StrEnum):
    """The stages of a job; each is an actor with a queue of the same name."""

    FETCH = "fetch"
    RESIZE = "resize"
    GENERATE = "generate"
    WATERMARK = "watermark"
    UPLOAD = "upload"
    NOTIFY = "notify"


class JobState(StrEnum):
    """The state of a row of `darkroom_jobs`."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Return whether the state is final."""
        return self in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


class Frozen(BaseModel):
    """Base of internal values: immutable; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Payload(BaseModel):
    """Base of values from outside, such as payloads and rows: immutable; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")
