"""The record of one provider call, for the job, the log and admission control."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self

import structlog

from providers.images import errors as faults
from providers.images.reported import MAX_COST_USD, bounded
from providers.images.routing.admission import ProviderHealth
from schemas.errors import Ambiguous, DarkroomError, Invalid, RateLimited, Rejected, Transient
from schemas.job import Call

if TYPE_CHECKING:
    from providers.images.base import GeneratedImage

#: Awaited after each call, successful or not.
OnCall = Callable[[Call], Awaitable[None]]

_log = structlog.get_logger(__name__)


class CallRecord:
    """Times one call, logs it and passes it to a callback; derives cost and provider health."""

    def __init__(self, provider: str, on_call: OnCall | None) -> None:
        """Start the clock."""
        self._provider = provider
        self._on_call = on_call
        self._started = time.monotonic()
        self.image: GeneratedImage | None = None
        self.error: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.error = error
        call = Call(
            provider=self._provider,
            model=self.image.model if self.image else None,
            outcome=self._outcome(),
            seconds=round(time.monotonic() - self._started, 3),
            cost_usd=self.spent_usd(0.0),
            left_out=self.image.left_out if self.image else (),
        )
        _log.info("provider_call", **call.model_dump())
        if isinstance(error, DarkroomError) and error.error_code == faults.MODEL_RETIRED:
            _log.error("model_retired", action=str(error), **error.details)
        if self._on_call:
            await self._on_call(call)

    @property
    def health(self) -> ProviderHealth:
        """Health of the provider as shown by the call."""
        if self.image or isinstance(self.error, (RateLimited, Rejected)):
            return ProviderHealth.UP
        if _code(self.error) == faults.MODEL_RETIRED:
            return ProviderHealth.GONE
        if isinstance(self.error, Transient) or _code(self.error) == faults.PROVIDER_REFUSED:
            return ProviderHealth.DOWN
        return ProviderHealth.UP if isinstance(self.error, Invalid) else ProviderHealth.UNKNOWN

    @property
    def pause_s(self) -> float:
        """The pause that the provider asked for, seconds; 0 if none."""
        return (self.error.retry_after or 0.0) if isinstance(self.error, Transient) else 0.0

    def spent_usd(self, unclear: float) -> float:
        """Return the cost of the call, US dollars; `unclear` if it is unknown."""
        if self.image:
            return self.image.cost_usd
        known = self.error.details.get("cost_usd") if isinstance(self.error, DarkroomError) else None
        if known is not None:
            return bounded(known, MAX_COST_USD)
        certain = isinstance(self.error, (Transient, Rejected, Invalid)) and not isinstance(self.error, Ambiguous)
        return 0.0 if certain else unclear

    def _outcome(self) -> str:
        if self.error is None:
            return "ok"
        return _code(self.error) or ("cancelled" if isinstance(self.error, asyncio.CancelledError) else "interrupted")


def _code(error: BaseException | None) -> str | None:
    return error.error_code if isinstance(error, DarkroomError) else None
