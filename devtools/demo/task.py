"""One task of the demo, whatever the product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.common import Product

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.records import JobRow


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a task: what it is called, and the file that the image host serves."""

    label: str
    file: Path


@dataclass(frozen=True, slots=True)
class DemoTask:
    """What is sent, and what is expected of it.

    Attributes:
        task_id, session_id: Empty until the service has named them, for a task that is ordered.
        payload: The JSON object, as a producer in any language would push it, or the body of the order.
        prompt: What the gallery shows of the prompt.
        credits: What the producer charged for it.
        fails: Whether it is meant to fail.
        ordered: Whether it is ordered over HTTP; pushed to a Redis list otherwise.
        events_url: Where its progress is told, once it is sent.
    """

    product: Product
    task_id: str
    session_id: str
    title: str
    channel: str
    payload: dict[str, Any]
    inputs: tuple[Input, ...]
    prompt: str
    credits: int
    fails: bool = False
    ordered: bool = False
    events_url: str = ""

    @property
    def sent_by(self) -> str:
        """How it reached Darkroom, for a person."""
        return "over HTTP" if self.ordered else "pushed"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What a user was told in a chat: `kind` is photo or apology; the text, or the photo's address."""

    kind: str
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a task.

    Attributes:
        job: Its row; None if no worker ever took it.
        refunded: Credits given back.
        stages_s: Seconds per stage, as its events told them.
        pictures: The files in the gallery, in order.
        said: What its user was told; None for products without a chat.
    """

    task: DemoTask
    job: JobRow | None
    refunded: int
    stages_s: dict[str, float] = field(default_factory=dict)
    pictures: tuple[Path, ...] = ()
    said: ChatMessage | None = None

    @property
    def picture(self) -> Path | None:
        """The first picture; None without one."""
        return self.pictures[0] if self.pictures else None

    @property
    def status(self) -> str:
        """The job's state, for a person."""
        return self.job.state.value if self.job else "never started"

    @property
    def message(self) -> str:
        """The text that the user sees of a failure."""
        return str(self.job.failure["message"]) if self.job and self.job.failure else ""

    @property
    def seconds(self) -> float:
        """From the push to the outcome."""
        if self.job is None or self.job.finished_at is None:
            return 0.0
        return (self.job.finished_at - self.job.created_at).total_seconds()

    @property
    def as_meant(self) -> bool:
        """Whether it ended as it was meant to, and the credits with it."""
        if (self.said is not None) != (self.task.product is Product.AVATAR):
            return False
        if self.task.fails:
            return self.status == "failed" and self.refunded == self.task.credits
        return self.status == "completed" and self.refunded == 0 and self.picture is not None
