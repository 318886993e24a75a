"""The task payloads that producers LPUSH, one type per product."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, FailFast, Field, model_validator

from schemas.common import Id, Payload, Product, Prompt, RequestId, Timestamp, Url

#: The latest supported payload version.
VERSION = 1
#: Maximum size of a payload in bytes, checked before parsing.
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_INPUTS = 16
MAX_PICTURES = 10

#: The Redis list of each product.
TASK_LISTS: dict[Product, str] = {
    Product.TRYON: "wearon:tasks:generation",
    Product.AVATAR: "ava:tasks:photo",
    Product.IMAGES: "studio:tasks:images",
}

Text = Annotated[str, Field(max_length=2_000)]


class Task(Payload):
    """Base of the payloads of all products."""

    request_id: RequestId | None = None
    version: Annotated[int, Field(strict=True, ge=1, le=VERSION)] = VERSION
    created_at: Timestamp | None = None


class TryOnTask(Task):
    """One picture of the person in the first photo wearing what the other photos show."""

    task_id: Id
    channel: Literal["b2c", "b2b"]
    user_id: Id | None = None
    store_id: Id | None = None
    session_id: Id
    image_urls: Annotated[tuple[Url, ...], FailFast(), Field(min_length=1, max_length=MAX_INPUTS)]
    prompt: Prompt = ""

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        owner, other = (self.user_id, self.store_id) if self.channel == "b2c" else (self.store_id, self.user_id)
        if owner is None:
            raise ValueError("a b2c task carries user_id" if self.channel == "b2c" else "a b2b task carries store_id")
        if other is not None:
            raise ValueError("a task has one owner: user_id for b2c, store_id for b2b")
        return self

    @property
    def owner_id(self) -> str:
        """Return the id of the shopper (b2c) or the shop (b2b)."""
        return self.user_id or self.store_id or ""


class Avatar(Payload):
    """The companion that the photo shows. Every field but the id is optional."""

    id: Id
    name: Text | None = None
    gender: Text | None = None
    age: Annotated[int, Field(ge=0, le=1000)] | None = None
    nationality: Text | None = None
    physical_description: Text | None = None
    reference_image_url: Url | None = None


class AvatarChannel(StrEnum):
    """The chat that the photo is delivered to."""

    WEB = "web"
    WHATSAPP = "whatsapp"


class AvatarTask(Task):
    """One photo of a described avatar in a described scene, delivered into the chat."""

    job_id: Id
    user_id: Id
    scene_description: Annotated[str, Field(min_length=1, max_length=4_000)]
    channel: Annotated[AvatarChannel, BeforeValidator(lambda value: AvatarChannel.WEB if value is None else value)] = (
        AvatarChannel.WEB
    )
    avatar: Avatar

    @property
    def task_id(self) -> str:
        """Return the job's id, which is also the task's id."""
        return self.job_id


class Style(StrEnum):
    """The styles a workspace can choose from."""

    MODERN = "modern"
    LUXURY = "luxury"
    FRESH = "fresh"
    TECH = "tech"
    WARM = "warm"
    BUSINESS = "business"


class ImagesTask(Task):
    """1 to 10 product pictures in a chosen style."""

    task_id: Id
    job_id: Id
    workspace_id: Id
    user_id: Id | None = None
    prompt: Annotated[str, Field(min_length=1, max_length=8_000)]
    style_id: Style
    count: Annotated[int, Field(ge=1, le=MAX_PICTURES)] = 4
    reference_image_url: Url | None = None


AnyTask = TryOnTask | AvatarTask | ImagesTask

TASK_TYPES: dict[Product, type[TryOnTask | AvatarTask | ImagesTask]] = {
    Product.TRYON: TryOnTask,
    Product.AVATAR: AvatarTask,
    Product.IMAGES: ImagesTask,
}
