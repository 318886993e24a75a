"""Models of HTTP requests and responses. Those of the size recommendation are in `schemas.sizing`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from schemas.common import Frozen, Id, JobState, Payload, Prompt, Url
from schemas.progress import Progress
from schemas.tasks import MAX_INPUTS, MAX_PICTURES, AvatarChannel, Style
from schemas.tasks import Avatar as AvatarFields

MAX_PAGE = 50
SessionStatus = Literal["queued", "processing", "completed", "failed"]


def _no_nul(value: Any) -> Any:
    # PostgreSQL can't store it in text.
    if "\0" in str(value):
        raise ValueError("must not contain the character NUL")
    return value


Link = Annotated[Url, AfterValidator(_no_nul)]
Sentence = Annotated[Prompt, AfterValidator(_no_nul)]
Email = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ -]{1,64}$")]


def _owned(channel: str, owner: str) -> JsonDict:
    """Return the JSON Schema of what `_one_owner` checks."""
    other = "store_id" if owner == "user_id" else "user_id"
    properties: JsonDict = {"channel": {"const": channel}, owner: {"type": "string"}, other: {"type": "null"}}
    return {"properties": properties, "required": [owner]}


class Accessory(Payload):
    """An accessory to wear."""

    type: Word = Field(description="Kind of accessory, such as shoes or bag")
    url: Link = Field(description="URL of a photo of it")


class GenerationRequest(Payload):
    """A try-on: one picture of the person in the first photo wearing what the other photos show."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_owned("b2c", "user_id"), _owned("b2b", "store_id")]})

    channel: Literal["b2c", "b2b"] = Field(description="b2c: the user pays; b2b: the store or its shopper pays")
    user_id: Id | None = Field(None, description="User who orders and pays, for b2c")
    store_id: Id | None = Field(None, description="Store, for b2b")
    model_image_url: Link = Field(description="URL of a photo of the person")
    outfit_image_url: Link | None = Field(None, description="URL of a photo of the outfit")
    accessories: Annotated[tuple[Accessory, ...], FailFast()] = Field((), max_length=MAX_INPUTS - 2)
    prompt: Sentence = Field("", description="Prompt; the product's default if empty")
    shopper_email: Email | None = Field(
        None, description="Customer of the store, for b2b; pays where the store resells credits"
    )

    @field_validator("accessories", mode="before")
    @classmethod
    def _default_for_null(cls, value: Any) -> Any:
        return () if value is None else value

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        owner, other = (self.user_id, self.store_id) if self.channel == "b2c" else (self.store_id, self.user_id)
        if owner is None or other is not None:
            raise ValueError("b2c takes user_id and no store_id, b2b takes store_id and no user_id")
        return self

    @property
    def owner_id(self) -> str:
        """Return the id of the user or the store."""
        return self.user_id or self.store_id or ""

    @property
    def image_urls(self) -> tuple[str, ...]:
        """Return the URLs of the person, the outfit and the accessories, in this order."""
        outfit = () if self.outfit_image_url is None else (self.outfit_image_url,)
        return (self.model_image_url, *outfit, *(item.url for item in self.accessories))


class PhotoRequest(Payload):
    """One photo of a described avatar in a described scene, delivered into the chat."""

    user_id: Id
    scene_description: Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_no_nul)]
    channel: AvatarChannel = Field(AvatarChannel.WEB, description="Channel of the delivery")
    avatar: AvatarFields

    @field_validator("channel", mode="before")
    @classmethod
    def _default_for_null(cls, value: Any) -> Any:
        return AvatarChannel.WEB if value is None else value

    @field_validator("avatar")
    @classmethod
    def _without_nul(cls, value: AvatarFields) -> AvatarFields:
        for text in value.model_dump().values():
            _no_nul(text)
        return value


class ImagesRequest(Payload):
    """1 to 10 product pictures in a chosen style."""

    workspace_id: Id
    user_id: Id = Field(description="User who pays, if IMAGES_PRICE_CREDITS is set")
    product_id: Id | None = None
    prompt: Annotated[str, Field(min_length=1, max_length=8_000), AfterValidator(_no_nul)]
    style_id: Style
    count: Annotated[int, Field(ge=1, le=MAX_PICTURES)] = 4
    reference_image_url: Link | None = None

    @field_validator("count", mode="before")
    @classmethod
    def _default_for_null(cls, value: Any) -> Any:
        return 4 if value is None else value


class Links(Frozen):
    """Links to a task.

    Attributes:
        status_url: URL of its latest state; needs a token.
        events_url: Signed URL of its progress as server-sent events; valid for an hour without a token, for a
            browser's EventSource.
    """

    status_url: str
    events_url: str


class GenerationAccepted(Links):
    """The try-on was charged and queued."""

    session_id: Id
    task_id: Id
    status: Literal["queued"] = "queued"
    credits_used: int
    request_id: str


class PhotoAccepted(Links):
    """The photo was queued."""

    job_id: Id
    task_id: Id
    status: Literal["queued"] = "queued"
    credits_used: int
    request_id: str


class ImagesAccepted(Links):
    """The batch was queued; `job_id` is the row of `image_generation_jobs`."""

    job_id: Id
    task_id: Id
    status: Literal["pending"] = "pending"
    count: int
    credits_used: int
    request_id: str


class Session(BaseModel):
    """A try-on session."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    channel: Literal["b2c", "b2b"]
    user_id: str | None = None
    store_id: str | None = None
    status: SessionStatus
    error_message: str | None = None
    generated_image_url: str | None = Field(
        None, description="Link that expires after hours; read the session again for a new one"
    )
    state: JobState = Field(description="State of the job; distinguishes `cancelled` from `failed`")
    code: str | None = Field(None, description="Error code of a failed session; `cancelled` if it was cancelled")
    credits_used: int | None = Field(None, description="Credits charged")
    refunded: int = Field(0, description="Credits refunded")
    input_tokens: int | None = None
    output_tokens: int | None = None
    processing_time_ms: int | None = None
    request_id: str | None = None
    created_at: str | None = Field(None, description="ISO 8601")
    completed_at: str | None = Field(None, description="ISO 8601")


class SessionPage(Frozen):
    """Sessions, newest first. `next_cursor` is the `cursor` of the next page; null on the last page."""

    items: tuple[Session, ...]
    limit: int
    next_cursor: str | None


class Stats(Frozen):
    """Counts of sessions; `active` sessions are queued or processing."""

    total: int
    completed: int
    active: int
    failed: int


class TaskState(Progress):
    """The latest state of a task, with the fields of a progress event."""

    state: JobState = Field(description="State of the job; distinguishes `cancelled` from `failed`")
    events_url: str | None = Field(
        None, description="Signed URL of its progress as server-sent events, valid for an hour"
    )


class OwnerQuery(Payload):
    """Owner of the requested sessions; without one, all owners that the token may see."""

    channel: Literal["b2c", "b2b"] | None = Field(None, description="Sessions of this channel only")
    user_id: Id | None = Field(None, description="Sessions of this user only")
    store_id: Id | None = Field(None, description="Sessions of this store only")

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if self.user_id and self.store_id:
            raise ValueError("user_id and store_id exclude each other")
        if (self.user_id and self.channel == "b2b") or (self.store_id and self.channel == "b2c"):
            raise ValueError("b2c sessions belong to a user_id, b2b sessions to a store_id")
        return self

    @property
    def wanted_channel(self) -> str | None:
        """Return the requested channel, named or implied by the kind of owner; None for both."""
        return self.channel or ("b2c" if self.user_id else "b2b" if self.store_id else None)

    @property
    def owner_id(self) -> str | None:
        """Return the requested owner; None for all."""
        return self.user_id or self.store_id


class PageQuery(OwnerQuery):
    """Filter and position of a page of sessions."""

    status: SessionStatus | None = Field(None, description="Sessions with this status only")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = Field(20, description="Maximum number of sessions")
    cursor: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,512}$")] | None = Field(
        None, description="`next_cursor` of the previous page"
    )


class Health(Frozen):
    """Health of the service and its dependencies; latencies in milliseconds, null without an answer."""

    status: Literal["ok", "degraded"]
    size_rec_model_loaded: bool
    redis_connected: bool
    workers_connected: bool
    database_connected: bool
    workers: int
    redis_ms: float | None
    database_ms: float | None


class Alive(Frozen):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Fault(Frozen):
    """One fault of a request; `pointer` is its position (RFC 6901, or `?name` for the query)."""

    pointer: str
    detail: str
    code: str


class ProblemBody(BaseModel):
    """An error (RFC 9457); `detail` is a sentence for people, `code` is for programs."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[Fault, ...] | None = None
    balance: int | None = None
