"""Chooses who makes a picture: in order, only among those that can, and never twice for the same money.

| the provider | then |
|---|---|
| is paused, paced, full, out of order, or over its budget | the next one; if all are, the first that is free again |
| answers 429, or refuses to serve (`faults.refuses_to_serve`) | the next one |
| gives no clear answer | nobody else: it may have been billed |
| refuses the content, or the request | nobody else |
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import structlog

from providers.images import errors as faults
from providers.images.routing.admission import (
    Admission,
    AdmissionControl,
    AdmissionVerdict,
    ProviderHealth,
    seconds_until_tomorrow,
)
from providers.images.routing.call_record import CallRecord, OnCall
from providers.images.routing.limits import Limits
from schemas.errors import DarkroomError, Invalid, RateLimited, Transient

if TYPE_CHECKING:
    from providers.images.base import GeneratedImage, ImageProvider, ImageRequest

#: Called before a call is made, once it is admitted; if it raises, none is made.
OnBegin = Callable[[], Awaitable[None]]
#: Told the provider and its own id of the work before it is waited for. Both must be stored when this returns.
OnWork = Callable[[str, str], Awaitable[None]]

#: A paid call that would be cut off soon after is not begun: this much of the deadline is kept for it, seconds.
KEPT_FOR_THE_CALL_S = 60.0
#: The least wait before asking again, and how much later each one that waits in this process asks, seconds.
_FREE_AGAIN_S, _APART_S = 0.1, 0.01
#: No task waits longer than this for a provider that is out of order: long enough for one call to have tried it.
_OUT_OF_ORDER_S = 45.0
_BUDGET = frozenset({AdmissionVerdict.PROVIDER_BUDGET, AdmissionVerdict.OWNER_BUDGET})
_NO_LIMITS = Limits()

log = structlog.get_logger(__name__)


class Router:
    """The image providers of one product."""

    def __init__(
        self,
        providers: Sequence[ImageProvider],
        admission: AdmissionControl,
        *,
        limits: Mapping[str, Limits] | None = None,
        owner_daily_usd: float | None = None,
        over_budget: Literal["wait", "fail"] = "fail",
    ) -> None:
        """Route to `providers` in order; they and the admission stay their owner's to close.

        Args:
            providers: Whom to ask, the first first.
            admission: What all workers share.
            limits: By provider.
            owner_daily_usd: What one owner's pictures may cost per UTC day, US dollars.
            over_budget: Whether a task over budget fails, or may be tried again tomorrow.
        """
        self._providers = {provider.name: provider for provider in providers}
        self._gate = admission
        self._limits = limits or {}
        self._owner_daily_usd = owner_daily_usd
        self._over_budget = over_budget
        #: Providers and reasons that were logged: each is said once.
        self._passed_over: set[tuple[str, str]] = set()

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_begin: OnBegin | None = None,
        on_work: OnWork | None = None,
        on_call: OnCall | None = None,
        resume: tuple[str, str] | None = None,
    ) -> GeneratedImage:
        """Make the picture.

        Args:
            request: What to make; its deadline includes waiting for a free provider.
            on_begin: Called before each call that may cost something; what it raises is raised here, and nothing is
                paid for.
            on_work: Told of work that can be resumed.
            on_call: Told of each call: provider, model, outcome (`ok` or the error's code), seconds, cost.
            resume: Provider and id of work from before a crash: only that is waited for. It is good until a call
                ends in anything but `Ambiguous`; then it must be forgotten.

        Raises:
            Invalid: `no_provider` if none can make such a picture, `budget_exhausted`, or what a provider raised.
            RateLimited: `provider_busy`, or `budget_exhausted` where tasks wait for it: no call was made, so neither
                should count as an attempt; `retry_after` says when to come back.
            Transient: `circuit_open`: all providers are out of order for longer than the deadline. `product_off`:
                there are no providers at all.
            Unavailable: The shared limits can't be looked up.
            DarkroomError: `provider_crashed`: a provider raised what is none of ours.
            RateLimited, Rejected, Ambiguous, Transient, Invalid: As `ImageProvider.generate`.
        """
        if resume:
            return await self._resumed(request, resume, on_call)
        started = time.monotonic()
        kept = min(KEPT_FOR_THE_CALL_S, request.deadline_s / 2)
        if not self._providers:
            # Another worker, or this one with other settings, may have what this one lacks.
            raise Transient("no provider of this product is set up on this worker", code="product_off")
        waiting = {name: provider for name, provider in self._providers.items() if self._can(provider, request)}
        if not waiting:
            raise Invalid("no provider can make such a picture", code="no_provider")
        refusals: list[DarkroomError] = []
        while waiting:
            call = uuid.uuid4().hex
            left = started + request.deadline_s - kept - time.monotonic()
            name, entry = await self._admitted(call, waiting, request, left)
            if on_begin:
                async with self._given_back_if_it_fails(call, name, request, entry):
                    await on_begin()
            remaining = request.model_copy(update={"deadline_s": started + request.deadline_s - time.monotonic()})
            try:
                return await self._called(call, waiting[name], remaining, entry, on_work, on_call)
            except DarkroomError as error:
                if not faults.refuses_to_serve(error):
                    raise
                refusals.append(error)
                del waiting[name]
        raise next((error for error in refusals if error.retryable), refusals[-1])

    def _can(self, provider: ImageProvider, request: ImageRequest) -> bool:
        reason = _shortfall(provider, request)
        if reason and (provider.name, reason) not in self._passed_over:
            self._passed_over.add((provider.name, reason))
            log.warning("provider_passed_over", provider=provider.name, reason=reason, task_id=request.task_id)
        return reason is None

    async def _resumed(self, request: ImageRequest, work: tuple[str, str], on_call: OnCall | None) -> GeneratedImage:
        provider = self._providers.get(work[0])
        if provider is None:
            raise Invalid("the provider of this work is not in use any more", code="no_provider", provider=work[0])
        async with CallRecord(provider.name, on_call) as report:
            report.image = await _made(provider, provider.generate(request, resume=work[1]))
            return report.image

    async def _admitted(
        self, call: str, waiting: Mapping[str, ImageProvider], request: ImageRequest, left: float
    ) -> tuple[str, Admission]:
        """The first provider that takes the call within `left` seconds, after that wait."""
        until = time.monotonic() + left
        while True:
            entries: dict[str, Admission] = {}
            for name, provider in waiting.items():
                entries[name] = await self._enter(call, provider, request, max_wait_s=0)
                if entries[name].verdict is AdmissionVerdict.ADMITTED:
                    return name, entries[name]
            name, wait_s = self._soonest(entries)
            patience = min(left, _OUT_OF_ORDER_S) if entries[name].verdict is AdmissionVerdict.OPEN else left
            if time.monotonic() + wait_s > until - left + patience:
                raise _busy(entries[name].verdict, wait_s)
            if entries[name].verdict is not AdmissionVerdict.PACED:
                await self._gate.turn(wait_s)
                continue
            entry = await self._enter(call, waiting[name], request, max_wait_s=until - time.monotonic())
            if entry.verdict is AdmissionVerdict.ADMITTED and await self._reached_its_start(call, name, request, entry):
                return name, entry

    async def _enter(
        self, call: str, provider: ImageProvider, request: ImageRequest, *, max_wait_s: float
    ) -> Admission:
        return await self._gate.enter(
            call,
            provider.name,
            request.owner_id,
            limits=self._limits.get(provider.name, _NO_LIMITS),
            owner_daily_usd=self._owner_daily_usd,
            estimate_usd=provider.capabilities.estimate_usd,
            max_wait_s=max_wait_s,
        )

    def _soonest(self, entries: Mapping[str, Admission]) -> tuple[str, float]:
        waits = {name: self._wait_s(entry) for name, entry in entries.items() if entry.verdict not in _BUDGET}
        if not waits:
            raise _over_budget(self._over_budget)
        name = min(waits, key=lambda each: waits[each])
        return name, waits[name]

    def _wait_s(self, entry: Admission) -> float:
        if entry.verdict is AdmissionVerdict.PACED:
            return entry.wait_s
        return max(entry.wait_s, _FREE_AGAIN_S) + _APART_S * self._gate.queueing

    async def _reached_its_start(self, call: str, name: str, request: ImageRequest, entry: Admission) -> bool:
        """Wait for the start that was given; whether it still holds then."""
        async with self._given_back_if_it_fails(call, name, request, entry):
            await asyncio.sleep(entry.wait_s)
            holds = not await self._gate.was_shut(name)
        if not holds:
            await self._give_back(call, name, request, entry)
        return holds

    @contextlib.asynccontextmanager
    async def _given_back_if_it_fails(
        self, call: str, name: str, request: ImageRequest, entry: Admission
    ) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self._give_back(call, name, request, entry)
            raise

    async def _give_back(self, call: str, name: str, request: ImageRequest, entry: Admission) -> None:
        """Give back the place of a call that was admitted and not made."""
        await self._gate.leave(
            call, name, request.owner_id, day=entry.day, health=ProviderHealth.UNKNOWN, begun=False,
            correction_usd=-self._providers[name].capabilities.estimate_usd,
        )  # fmt: skip

    async def _called(  # noqa: PLR0913, PLR0917 - one value for each side of the call
        self, call: str, provider: ImageProvider, request: ImageRequest, entry: Admission,
        on_work: OnWork | None, on_call: OnCall | None,
    ) -> GeneratedImage:  # fmt: skip
        async def on_started(work_id: str) -> None:
            if on_work:
                await on_work(provider.name, work_id)

        report = CallRecord(provider.name, on_call)
        try:
            async with report:
                report.image = await _made(provider, provider.generate(request, on_started=on_started))
                return report.image
        finally:
            estimate = provider.capabilities.estimate_usd
            await self._gate.leave(
                call, provider.name, request.owner_id, day=entry.day, health=report.health, pause_s=report.pause_s,
                correction_usd=report.spent_usd(estimate) - estimate,
            )  # fmt: skip


async def _made(provider: ImageProvider, generation: Awaitable[GeneratedImage]) -> GeneratedImage:
    try:
        return await generation
    except DarkroomError:
        raise
    except Exception as error:
        # Only third parties' providers do this; what their errors say may hold anything.
        said = f"the provider raised {type(error).__name__}"
        raise DarkroomError(said, code="provider_crashed", provider=provider.name) from error


def _shortfall(provider: ImageProvider, request: ImageRequest) -> str | None:
    """Return what keeps the provider from making such a picture; None if nothing does."""
    can = provider.capabilities
    size = f"{request.width}x{request.height}"
    if request.inputs and not can.edit:
        return "it takes no input pictures"
    if len(request.inputs) > can.max_inputs:
        return f"it takes at most {can.max_inputs} input pictures"
    if not request.inputs and not can.generate:
        return "it makes no picture from a prompt alone"
    return f"it does not offer the size {size}" if can.sizes and size not in can.sizes else None


def _busy(verdict: AdmissionVerdict, wait_s: float) -> DarkroomError:
    if verdict is AdmissionVerdict.OPEN:
        return Transient("all providers are out of order", code="circuit_open", retry_after=wait_s)
    return RateLimited(f"no provider is free: {verdict}", code="provider_busy", retry_after=wait_s)


def _over_budget(policy: Literal["wait", "fail"]) -> DarkroomError:
    said = "the daily budget is used up"
    if policy == "wait":
        return RateLimited(said, code="budget_exhausted", retry_after=seconds_until_tomorrow())
    public = "Today's budget for pictures is used up. Please try again tomorrow."
    return Invalid(said, code="budget_exhausted", public_message=public)
