"""The port for image providers: services that make a picture from a prompt and input pictures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol, runtime_checkable

from pydantic import Field

from providers.images.privacy import Privacy
from providers.images.reported import CostUsd, TokenCount
from schemas.common import Frozen

#: Awaited with the provider's id of the work before the wait for it; must store the id before it returns.
OnStarted = Callable[[str], Awaitable[None]]
#: Message of a `Task.cancel` that keeps resumable work running at the provider: a worker that shuts down leaves it to
#: the next one. Any other cancellation also cancels the provider's work.
KEEP_WORK = "keep work"


class SizeRule(Frozen):
    """Constraints on the size of a picture, for providers without a fixed list of sizes.

    Attributes:
        step: Divisor of both sides, pixels.
        longest: Maximum length of a side, pixels.
        ratio: Maximum ratio of the longer to the shorter side.
        min_pixels, max_pixels: Bounds of width times height.
    """

    step: int
    longest: int
    ratio: float
    min_pixels: int
    max_pixels: int

    def allows(self, width: int, height: int) -> bool:
        """Return whether a picture may have this size, pixels."""
        longer, shorter = max(width, height), min(width, height)
        return (
            width % self.step == 0
            and height % self.step == 0
            and longer <= self.longest
            and longer <= self.ratio * shorter
            and self.min_pixels <= width * height <= self.max_pixels
        )

    def __str__(self) -> str:
        return (
            f"sides that are multiples of {self.step} and at most {self.longest}, "
            f"a ratio of at most {self.ratio:g} to 1, and {self.min_pixels} to {self.max_pixels} pixels"
        )


class SurplusInputs(StrEnum):
    """What happens to the input pictures beyond `max_inputs`."""

    #: The provider does not get the request.
    REFUSE = "refuse"
    #: The last one that is sent shows them all on white, in their order.
    COMPOSE = "compose"


class Capabilities(Frozen):
    """Capabilities of a provider; the router sends it nothing else.

    Attributes:
        edit: Whether it takes input pictures.
        generate: Whether it works from a prompt alone.
        min_inputs: Minimum number of input pictures per call; a provider that generates is also called without any.
        max_inputs: Maximum number of input pictures per call.
        surplus_inputs: What happens to further ones.
        max_input_px: Maximum side length of an input, pixels; larger ones are resized. None if unlimited.
        max_input_pixels: Maximum width times height of an input; the same.
        max_input_bytes: Maximum size of an input, bytes; the same.
        sizes: Sizes it makes, as `WxH` in pixels; empty if not limited to a list.
        size_rule: Constraints on a size where `sizes` is empty; None for any size.
        resumable: Whether its work has an id that can be waited for again after a crash, without paying twice.
        paid: Whether it spends money; such a provider is not made in mock mode.
        estimate_usd: Estimated cost of one call, US dollars; reserved in the daily budgets before the call.
        concurrency: Maximum concurrent calls that the provider allows an account, unless PROVIDER_CONCURRENCY says
            otherwise; None if unlimited.
        privacy: What the provider does with the pictures.
    """

    edit: bool
    generate: bool
    min_inputs: int = 0
    max_inputs: int = 0
    surplus_inputs: SurplusInputs = SurplusInputs.REFUSE
    max_input_px: int | None = None
    max_input_pixels: int | None = None
    max_input_bytes: int | None = None
    sizes: frozenset[str] = frozenset()
    size_rule: SizeRule | None = None
    resumable: bool = False
    paid: bool = True
    estimate_usd: float = 0.0
    concurrency: int | None = None
    privacy: Privacy = Privacy()

    def makes_size(self, width: int, height: int) -> bool:
        """Return whether it makes pictures of this size, pixels."""
        if self.sizes:
            return f"{width}x{height}" in self.sizes
        return self.size_rule is None or self.size_rule.allows(width, height)


class ImageRequest(Frozen):
    """A request for one picture.

    Attributes:
        task_id: Task, for the provider's records and for idempotency.
        owner_id: Owner whose budget pays.
        index: Index of the picture in the task, from 0.
        attempt: Number of earlier attempts at this picture.
        prompt: The full prompt, for a model that follows instructions.
        producer_prompt: The part of it that the producer wrote, for a model that is asked in words of its own; empty
            if the producer wrote none.
        inputs: JPEG bytes, sRGB, in the producer's order, as the capabilities allow them.
        width, height: Size, pixels.
        quality: `low`, `medium` or `high`.
        deadline_s: Time limit of the whole call, seconds.
    """

    task_id: str
    owner_id: str
    index: int = 0
    attempt: int = 0
    prompt: str
    producer_prompt: str = ""
    inputs: tuple[bytes, ...] = Field(default=(), repr=False)
    width: int = 1024
    height: int = 1536
    quality: str = "medium"
    deadline_s: float = 300.0


class GeneratedImage(Frozen):
    """A picture made by a provider: bytes, or an address from which they must be downloaded at once.

    Attributes:
        data: Encoded picture in a format that Pillow reads; None if `url` is set.
        url: Address at the provider, valid for about an hour.
        input_tokens, output_tokens: Tokens counted by the provider; 0 if it counts none.
        cost_usd: Cost of the call, US dollars.
        left_out: Parts of the request that the model does not take, such as `prompt`.
    """

    provider: str
    model: str
    data: bytes | None = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)
    input_tokens: TokenCount = 0
    output_tokens: TokenCount = 0
    cost_usd: CostUsd = 0.0
    left_out: tuple[str, ...] = ()


@runtime_checkable
class ImageProvider(Protocol):
    """Makes one picture per call; calls run concurrently on one event loop."""

    @property
    def name(self) -> str:
        """Name of the provider in settings, records and logs."""

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities, known once the provider is made."""

    async def generate(
        self, request: ImageRequest, *, on_started: OnStarted | None = None, resume: str | None = None
    ) -> GeneratedImage:
        """Make the picture.

        Args:
            request: The picture to make.
            on_started: Awaited with the provider's id of the work before the wait for it, if there is an id.
            resume: Id of work started before a crash: wait for it instead of paying for new work.

        Raises:
            RateLimited: The provider limits the rate; `retry_after` is its wait in seconds, if given.
            Rejected: The provider refused the content.
            Ambiguous: There was no answer in time, the connection broke after the request was sent, or the answer
                has no picture. The call may have been billed; an id from `on_started` can still be resumed.
            Transient: The call failed, was not billed, and may succeed later. An id from `on_started` is spent.
            Invalid: The provider refused the request: wrong key, unknown model.

        `providers.images.errors` has the codes that make the router try the next provider. The cost of a failed call is
        `details["cost_usd"]`. Cancelling the call cancels the provider's work if the provider supports that, unless the
        message is `KEEP_WORK`.
        """

    async def aclose(self) -> None:
        """Close the connections."""
