"""The image provider: whoever turns a prompt and pictures into a picture."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from pydantic import Field

from schemas.common import Frozen

#: Called with the provider's own id of the work, before it is waited for. It must be stored when this returns.
OnStarted = Callable[[str], Awaitable[None]]
#: The message of a `Task.cancel` after which work that can be resumed goes on at the provider: a worker that shuts down
#: leaves it to the next one. Any other cancellation cancels the provider's work too.
KEEP_WORK = "keep work"


class SizeRule(Frozen):
    """What the size of a picture must fulfil where any size may be asked for.

    Attributes:
        step: Both sides are multiples of this, pixels.
        longest: The longest side, pixels.
        ratio: The longer side is at most this many times the shorter one.
        least_pixels, most_pixels: Bounds of width times height.
    """

    step: int
    longest: int
    ratio: float
    least_pixels: int
    most_pixels: int

    def allows(self, width: int, height: int) -> bool:
        """Whether a picture of this size can be asked for."""
        longer, shorter = max(width, height), min(width, height)
        return (
            width % self.step == 0
            and height % self.step == 0
            and longer <= self.longest
            and longer <= self.ratio * shorter
            and self.least_pixels <= width * height <= self.most_pixels
        )

    def __str__(self) -> str:
        return (
            f"sides that are multiples of {self.step} and at most {self.longest}, "
            f"a ratio of at most {self.ratio:g} to 1, and {self.least_pixels} to {self.most_pixels} pixels"
        )


class Capabilities(Frozen):
    """What a provider can do; nothing else is ever routed to it.

    Attributes:
        edit: Takes input pictures.
        generate: Works from a prompt alone.
        max_inputs: The most input pictures of one call.
        sizes: The sizes it offers as `WxH` in pixels; empty if it takes any.
        size_rule: What a size must fulfil where `sizes` is empty; None if it takes any.
        resumable: Its work has an id that can be asked about after a crash, so that nothing is paid for twice.
        paid: Spends money. A provider that does is out of reach in mock mode.
        estimate_usd: About what one call costs in US dollars; reserved in the daily budgets before it is made.
    """

    edit: bool
    generate: bool
    max_inputs: int = 0
    sizes: frozenset[str] = frozenset()
    size_rule: SizeRule | None = None
    resumable: bool = False
    paid: bool = True
    estimate_usd: float = 0.0

    def makes_size(self, width: int, height: int) -> bool:
        """Whether it makes pictures of this size, pixels."""
        if self.sizes:
            return f"{width}x{height}" in self.sizes
        return self.size_rule is None or self.size_rule.allows(width, height)


class ImageRequest(Frozen):
    """One picture to make.

    Attributes:
        task_id: The task, for the provider's own records and for idempotency.
        owner_id: Who pays, for budgets.
        index: Which picture of the task this is, from 0.
        attempt: How often this picture was tried before, from 0.
        prompt: The full prompt.
        inputs: JPEG bytes, sRGB, in the producer's order.
        width, height: The wanted size in pixels.
        quality: The provider's word for it: `low`, `medium`, `high`.
        deadline_s: Seconds this call may take altogether.
    """

    task_id: str
    owner_id: str
    index: int = 0
    attempt: int = 0
    prompt: str
    inputs: tuple[bytes, ...] = Field(default=(), repr=False)
    width: int = 1024
    height: int = 1536
    quality: str = "medium"
    deadline_s: float = 300.0


class GeneratedImage(Frozen):
    """What a provider made: bytes, or an address from which they must be copied at once.

    Attributes:
        data: The encoded picture, any format Pillow reads; None when `url` is given.
        url: Where the provider keeps it, for about an hour.
        input_tokens, output_tokens: As counted by the provider; 0 where it does not count.
        cost_usd: What this call cost in US dollars.
    """

    provider: str
    model: str
    data: bytes | None = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


@runtime_checkable
class ImageProvider(Protocol):
    """Makes one picture at a time; many calls run side by side on one event loop."""

    @property
    def name(self) -> str:
        """The word that settings, records and logs use for it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    async def generate(
        self, request: ImageRequest, *, on_started: OnStarted | None = None, resume: str | None = None
    ) -> GeneratedImage:
        """Make the picture.

        Args:
            request: What to make.
            on_started: Told the provider's own id of the work before it is waited for, where there is one.
            resume: Such an id from before a crash: wait for that work instead of starting and paying for new work.

        Raises:
            RateLimited: It asked us to slow down; `retry_after` in seconds if it said for how long.
            Rejected: It refused the content.
            Ambiguous: No answer in time, the connection broke after the request was sent, or the answer holds no
                picture: it may have been billed. An id from `on_started` is still good.
            Transient: It failed in a way that is not billed and may pass. An id from `on_started` is used up.
            Invalid: It refused the request itself: wrong key, unknown model.

        `providers.images.errors` has the codes that tell a router to turn to the next provider. What the call cost
        although it failed is `details["cost_usd"]`. Cancelling the call cancels the provider's work where the provider
        offers that, unless with `KEEP_WORK`.
        """

    async def aclose(self) -> None:
        """Give back connections."""
