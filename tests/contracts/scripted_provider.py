"""An image provider with scripted results, which counts its calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from providers.images.base import Capabilities, GeneratedImage

if TYPE_CHECKING:
    from providers.images.base import ImageRequest, OnStarted


class ScriptedProvider:
    """Answers each call as the next step of `script` says; repeats the last step.

    A step is an error, seconds of waiting, or an event to wait for.
    """

    def __init__(
        self, name: str, *script: BaseException | float | asyncio.Event, cost_usd: float = 0.04, **capabilities: Any
    ) -> None:
        self.name = name
        values: dict[str, Any] = {"edit": True, "generate": True, "max_inputs": 16, "estimate_usd": 0.05} | capabilities
        self.capabilities = Capabilities(**values)
        self._script = list(script) or [0.0]
        self._cost_usd = cost_usd
        self.requests: list[ImageRequest] = []
        self.resumed: list[str] = []
        self.running = self.most = 0
        self.begun = asyncio.Event()

    async def generate(
        self, request: ImageRequest, *, on_started: OnStarted | None = None, resume: str | None = None
    ) -> GeneratedImage:
        self.requests.append(request)
        if resume:
            self.resumed.append(resume)
        elif on_started and self.capabilities.resumable:
            await on_started(f"{self.name}-work")
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, BaseException):
            raise step
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.set()
        try:
            await (step.wait() if isinstance(step, asyncio.Event) else asyncio.sleep(step))
        finally:
            self.running -= 1
        return GeneratedImage(provider=self.name, model=f"{self.name}-1", data=b"picture", cost_usd=self._cost_usd)

    async def aclose(self) -> None:
        pass
