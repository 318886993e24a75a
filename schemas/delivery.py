"""Deliveries about finished jobs: the messages of the outbox and their rows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.common import Frozen


class DeliveryKind(StrEnum):
    """The content of a delivery."""

    PHOTO = "photo"
    APOLOGY = "apology"
    AUDIT = "audit"
    RESULT = "result"


class DeliveryChannel(StrEnum):
    """The channel of a delivery."""

    WEB = "web"
    WHATSAPP = "whatsapp"
    AUDIT = "audit"
    WEBHOOK = "webhook"


class OutboxMessage(Frozen):
    """A message about a finished job, to be stored in the outbox.

    Attributes:
        message: The channel's input: `user_id`, `avatar_id` and `text` for a chat, a row for the audit log, the
            event for a webhook. Never logged: it contains signed addresses.
    """

    kind: DeliveryKind
    channel: DeliveryChannel
    message: dict[str, Any] = Field(repr=False)


class Delivery(BaseModel):
    """A row of `darkroom_deliveries`.

    Attributes:
        session_id: Session of the delivery's task, for logs.
        claim: Number of the claim, a fencing token: only the latest claimant may settle the delivery.
        attempts: Finished attempts since the delivery was enqueued or last redelivered.
        age_s: Seconds since the delivery was enqueued or last redelivered.
        interrupted: Whether the previous attempt was interrupted while sending.
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
    """The webhook of an owner, which receives the results of jobs.

    Attributes:
        version: Version of the secret that signs.
        rotated_at: Time of the last rotation; the previous version also signs for a grace period.
        disabled_at: Time at which deliveries stopped because the receiver answered that it is gone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner_id: str
    url: str = Field(repr=False)
    version: int = 1
    rotated_at: AwareDatetime | None = None
    disabled_at: AwareDatetime | None = None


class ImagesJob(BaseModel):
    """A row of `image_generation_jobs`, as the caller created it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_id: str
    workspace_id: str
    user_id: str | None = None
    task_id: str | None = None
    style_id: str | None = None
