"""What is said about jobs that have ended, and to whom."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.common import Frozen


class DeliveryKind(StrEnum):
    """What is said."""

    PHOTO = "photo"
    APOLOGY = "apology"
    AUDIT = "audit"
    RESULT = "result"


class DeliveryChannel(StrEnum):
    """By which way."""

    WEB = "web"
    WHATSAPP = "whatsapp"
    AUDIT = "audit"
    WEBHOOK = "webhook"


class OutboxMessage(Frozen):
    """Something that is to be said about a job.

    Attributes:
        message: What the channel needs: `user_id`, `avatar_id` and `text` for a chat, a row for the audit log, the
            event for a webhook. Never shown in a log: it holds signed addresses.
    """

    kind: DeliveryKind
    channel: DeliveryChannel
    message: dict[str, Any] = Field(repr=False)


class Delivery(BaseModel):
    """One announcement on its way; a row of `darkroom_deliveries`.

    Attributes:
        session_id: Session of the delivery's task, for logs.
        claim: Fences the attempt: only the newest claim may settle.
        attempts: Finished attempts since it was armed.
        age_s: Seconds since it was armed.
        interrupted: The attempt before was cut off while it was being sent.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    task_id: str
    run: int
    kind: DeliveryKind
    channel: DeliveryChannel
    owner_id: str
    request_id: str
    session_id: str | None = None
    message: dict[str, Any] = Field(repr=False)
    state: str
    claim: int
    attempts: int = 0
    age_s: float = 0.0
    interrupted: bool = False
    code: str | None = None
    created_at: AwareDatetime
    sent_at: datetime | None = None


class Webhook(BaseModel):
    """Where an owner wants to be told of results.

    Attributes:
        version: Which of the owner's secrets signs.
        rotated_at: Since when; the version before signs as well for a while.
        disabled_at: Since when nothing is sent, because the receiver said that it is gone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner_id: str
    url: str = Field(repr=False)
    version: int = 1
    rotated_at: AwareDatetime | None = None
    disabled_at: AwareDatetime | None = None


class ImagesJob(BaseModel):
    """What the row of an image job says, as its caller created it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_id: str
    workspace_id: str
    user_id: str | None = None
    task_id: str | None = None
    style_id: str | None = None
