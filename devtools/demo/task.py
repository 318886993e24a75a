"""Tasks of the demo and their results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.common import Product

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.records import JobRow


@dataclass(frozen=True, slots=True)
class Input:
    """One input picture: its label, and the file that the picture host serves."""

    label: str
    file: Path


@dataclass(frozen=True, slots=True)
class DemoTask:
    """One task and its expected outcome.

    Attributes:
        task_id, session_id: Empty for an order until the service assigns them.
        payload: JSON object of the push, or body of the order.
        prompt: Prompt as shown in the gallery.
        credits: Credits charged for it.
        fails: Whether it is expected to fail.
        ordered: Whether it is ordered over HTTP instead of pushed to a Redis list.
        events_url: URL of its progress events, once it is sent.
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
        """Way of sending, for display."""
        return "over HTTP" if self.ordered else "pushed"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """Message to a user in a chat: `kind` is photo or apology; `text` is the text or the photo's URL."""

    kind: str
    channel: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """Outcome of a task.

    Attributes:
        job: Its row; None if it was never accepted.
        refunded: Credits refunded.
        stages_s: Seconds per stage, from its progress events.
        pictures: Files in the gallery, in order.
        chat_message: Message to its user; None for products without a chat.
    """

    task: DemoTask
    job: JobRow | None
    refunded: int
    stages_s: dict[str, float] = field(default_factory=dict)
    pictures: tuple[Path, ...] = ()
    chat_message: ChatMessage | None = None

    @property
    def picture(self) -> Path | None:
        """First picture; None if there is none."""
        return self.pictures[0] if self.pictures else None

    @property
    def status(self) -> str:
        """State of the job, for display."""
        return self.job.state.value if self.job else "never started"

    @property
    def message(self) -> str:
        """Message of a failure for the user."""
        return str(self.job.failure["message"]) if self.job and self.job.failure else ""

    @property
    def seconds(self) -> float:
        """Seconds from acceptance to the outcome."""
        if self.job is None or self.job.finished_at is None:
            return 0.0
        return (self.job.finished_at - self.job.created_at).total_seconds()

    @property
    def as_expected(self) -> bool:
        """Whether outcome and credits are as expected."""
        if (self.chat_message is not None) != (self.task.product is Product.AVATAR):
            return False
        if self.task.fails:
            return self.status == "failed" and self.refunded == self.task.credits
        return self.status == "completed" and self.refunded == 0 and self.picture is not None
