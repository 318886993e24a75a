"""The mock provider: free of charge; draws the inputs and the prompt, with configurable latency and failures."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from providers.images.base import Capabilities, GeneratedImage, ImageRequest, OnStarted
from providers.images.errors import no_picture
from providers.images.mock.directives import (
    MockFailure,
    checked_shares,
    chosen_failure,
    chosen_latency_s,
    wants_plain,
    without_markers,
)
from providers.images.mock.lookbook import draw_lookbook
from providers.images.mock.scene import draw_plain, draw_scene
from providers.images.mock.settings import MockSettings
from providers.images.privacy import Privacy
from schemas.errors import Ambiguous, Invalid, RateLimited, Rejected, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.images.config import ProviderConfig

#: Asked for with a mocked 429, seconds; short, so that a demo does not wait for it.
RETRY_AFTER_S = 1.0
#: Maximum number of inputs, as of OpenAI's models.
MAX_INPUTS = 16


class MockProvider:
    """Composes a picture from the inputs and the prompt, the same one for the same task."""

    name = "mock"
    capabilities = Capabilities(
        edit=True, generate=True, max_inputs=MAX_INPUTS, paid=False, privacy=Privacy(self_hosted=True)
    )

    def __init__(self, latency_s: float = 0.2, failures: Mapping[str, float] | None = None, seed: int = 0) -> None:
        """Answer after `latency_s` seconds; `failures` is the share of calls per `MockFailure`, chosen by `seed`.

        Raises:
            Invalid: `failures` names an unknown kind or is more than 1 altogether.
        """
        self._latency_s = latency_s
        self._shares = checked_shares(failures or {})
        self._seed = seed
        self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="mock-draw")

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002 - its work has no id: it is gone with its process
        resume: str | None = None,  # noqa: ARG002 - the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        failure = chosen_failure(request, self._shares, self._seed)
        try:
            async with asyncio.timeout(request.deadline_s):
                await self._wait(request, hang=failure is MockFailure.HANG)
        except TimeoutError:
            raise Ambiguous("the mock did not answer in time", provider=self.name) from None
        if failure:
            raise _error(failure)
        data = await asyncio.get_running_loop().run_in_executor(self._threads, draw, request, self._seed)
        words = len(request.prompt.split())
        return GeneratedImage(provider=self.name, model="mock", data=data, input_tokens=words)

    async def aclose(self) -> None:
        """Stop the drawing threads."""
        self._threads.shutdown(wait=False)

    async def _wait(self, request: ImageRequest, *, hang: bool) -> None:
        await asyncio.sleep(request.deadline_s + 1 if hang else chosen_latency_s(request, self._latency_s))


def _error(failure: MockFailure) -> Exception:
    provider = MockProvider.name
    match failure:
        case MockFailure.RATE_LIMIT:
            return RateLimited("a mocked 429", retry_after=RETRY_AFTER_S, provider=provider, http_status=429)
        case MockFailure.MODERATION:
            return Rejected("a mocked refusal", code="moderation_blocked", provider=provider, http_status=400)
        case MockFailure.EMPTY:
            return no_picture(provider, "a mocked 200 without a picture")
        case _:
            return Transient("a mocked 500", code="server_error", provider=provider, http_status=500)


def draw(request: ImageRequest, seed: int) -> bytes:
    """Return the picture for `request` as JPEG bytes, the same for the same task, picture and seed."""
    size = (request.width, request.height)
    key = f"{seed}:{request.task_id}:{request.index}"
    if wants_plain(request):
        return draw_plain(key)
    caption = without_markers(request.prompt)
    return draw_lookbook(request.inputs, caption, size, key) if request.inputs else draw_scene(caption, size, key)


def from_config(config: ProviderConfig) -> MockProvider:
    """Make the mock from `MockSettings`.

    Raises:
        Invalid: MOCK_FAILURES can't be read.
    """
    settings = config.settings_as(MockSettings)
    try:
        words = [word.split("=", 1) for word in settings.failures]
        failures = {kind.strip(): float(share) for kind, share in words}
    except ValueError:
        message = f"MOCK_FAILURES is {','.join(settings.failures)!r}; write it as kind=share, such as hang=0.1"
        raise Invalid(message, code="mock_options") from None
    return MockProvider(settings.latency_s, failures, settings.seed)
