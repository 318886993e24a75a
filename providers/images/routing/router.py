"""Routes a picture to a provider: in order of preference, among capable ones, and never billed twice.

| state or answer of the provider | next step |
|---|---|
| paused, rate-limited, full, circuit open, or over budget | the next provider; if all are, the first to be free again |
| 429, or a refusal to serve (`errors.refuses_to_serve`) | the next provider |
| no clear answer | raise: the call may have been billed |
| content refused | raise; with MODERATION_FALLBACK the next provider tries once |
| request refused | raise |
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import structlog

from providers.images.base import SurplusInputs
from providers.images.fit_inputs import fit_inputs
from providers.images.routing.admission import (
    Admission,
    AdmissionControl,
    AdmissionVerdict,
    ProviderHealth,
    seconds_until_tomorrow,
)
from providers.images.routing.call_record import CallRecord, OnCall
from providers.images.routing.limits import Limits
from providers.images.routing.refusals import Refusals
from schemas.errors import DarkroomError, Invalid, RateLimited, Transient

if TYPE_CHECKING:
    from providers.images.base import GeneratedImage, ImageProvider, ImageRequest

#: Awaited after admission and before the call; if it raises, no call is made.
OnBegin = Callable[[], Awaitable[None]]
#: Awaited with the provider's name and its id of the work, before the wait; must store both before it returns.
OnWork = Callable[[str, str], Awaitable[None]]

#: Part of the deadline reserved for the call itself, seconds: no paid call starts that would be cut off at once.
RESERVED_FOR_CALL_S = 60.0
#: Minimum wait before the next request, and the delay added per waiting call of this process, seconds.
_MIN_WAIT_S, _STAGGER_S = 0.1, 0.01
#: Maximum wait for an open circuit, seconds: long enough for one probing call.
_MAX_OPEN_WAIT_S = 45.0
_BUDGET = frozenset({AdmissionVerdict.PROVIDER_BUDGET, AdmissionVerdict.OWNER_BUDGET})
_NO_LIMITS = Limits()

log = structlog.get_logger(__name__)


class Router:
    """The image providers of one product."""

    def __init__(  # noqa: PLR0913  the limits and policies of a router
        self,
        providers: Sequence[ImageProvider],
        admission: AdmissionControl,
        *,
        limits: Mapping[str, Limits] | None = None,
        owner_daily_usd: float | None = None,
        over_budget: Literal["wait", "fail"] = "fail",
        moderation_fallback: bool = False,
    ) -> None:
        """Route to `providers`; the caller closes them and `admission`.

        Args:
            providers: Providers in order of preference.
            admission: The limits that all workers share.
            limits: Limits by provider; none for a missing one.
            owner_daily_usd: Budget per owner and UTC day, US dollars.
            over_budget: Whether a task over budget fails or is retried the next UTC day.
            moderation_fallback: Whether the next provider tries once after one has refused the content.
        """
        self._providers = {provider.name: provider for provider in providers}
        self._admission = admission
        self._limits = {provider.name: _limits(provider, (limits or {}).get(provider.name)) for provider in providers}
        self._owner_daily_usd = owner_daily_usd
        self._over_budget = over_budget
        self._moderation_fallback = moderation_fallback
        #: Provider and reason of logged events: each is logged once.
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
            request: The picture to make; its deadline includes the wait for admission.
            on_begin: Awaited before each call that may be billed; if it raises, the call is not made and the error is
                raised here.
            on_work: Awaited with the id of resumable work.
            on_call: Awaited after each call with its record: provider, model, outcome, seconds, cost.
            resume: Provider and id of work started before a crash: waits for that work only. Discard it once a call
                ends in anything but `Ambiguous`.

        Raises:
            Invalid: `no_provider` if none is capable, `budget_exhausted`, or the provider's error.
            RateLimited: `provider_busy`, or `budget_exhausted` if tasks wait for the budget: no call was made, so
                neither counts as an attempt; `retry_after` is the wait, seconds.
            Transient: `circuit_open`: all circuits are open for longer than the deadline. `product_off`: no provider
                is set up.
            Unavailable: Redis can't be reached.
            DarkroomError: `provider_crashed`: a provider raised an unexpected error.
            RateLimited, Rejected, Ambiguous, Transient, Invalid: As `ImageProvider.generate`.
        """
        if resume:
            return await self._resume(request, resume, on_call)
        started = time.monotonic()
        reserved = min(RESERVED_FOR_CALL_S, request.deadline_s / 2)
        if not self._providers:
            # Another worker, or this one with other settings, may have a provider.
            raise Transient("no provider of this product is set up on this worker", code="product_off")
        candidates = {
            name: provider for name, provider in self._providers.items() if self._is_capable(provider, request)
        }
        if not candidates:
            raise Invalid("no provider can make such a picture", code="no_provider")
        refusals = Refusals(moderation_fallback=self._moderation_fallback)
        while candidates:
            call = uuid.uuid4().hex
            left = started + request.deadline_s - reserved - time.monotonic()
            try:
                name, admission = await self._wait_for_admission(call, candidates, request, left)
            except DarkroomError as error:
                raise refusals.not_admitted(error) from None
            if on_begin:
                async with self._release_on_error(call, name, request, admission):
                    await on_begin()
            remaining = request.model_copy(update={"deadline_s": started + request.deadline_s - time.monotonic()})
            try:
                return await self._call(call, candidates[name], remaining, admission, on_work, on_call)
            except DarkroomError as error:
                refusals.add(error)
                del candidates[name]
        raise refusals.final()

    def _is_capable(self, provider: ImageProvider, request: ImageRequest) -> bool:
        reason = _shortfall(provider, request)
        if reason and (provider.name, reason) not in self._passed_over:
            self._passed_over.add((provider.name, reason))
            log.warning("provider_passed_over", provider=provider.name, reason=reason, task_id=request.task_id)
        return reason is None

    async def _resume(self, request: ImageRequest, work: tuple[str, str], on_call: OnCall | None) -> GeneratedImage:
        provider = self._providers.get(work[0])
        if provider is None:
            raise Invalid("the provider of this work is no longer in use", code="no_provider", provider=work[0])
        async with CallRecord(provider.name, on_call) as record:
            fitted = await _fitted(provider, request)
            record.image = await _wrap_unexpected_errors(provider, provider.generate(fitted, resume=work[1]))
            return record.image

    async def _wait_for_admission(
        self, call: str, candidates: Mapping[str, ImageProvider], request: ImageRequest, left: float
    ) -> tuple[str, Admission]:
        """Return the first provider that admits the call within `left` seconds, and its admission."""
        asked_at = time.monotonic()
        until = asked_at + left
        while True:
            admissions: dict[str, Admission] = {}
            for name, provider in candidates.items():
                admissions[name] = await self._acquire(call, provider, request, max_wait_s=0)
                if admissions[name].verdict is AdmissionVerdict.ADMITTED:
                    return name, admissions[name]
            name, wait_s = self._soonest(admissions)
            max_wait_s = min(left, _MAX_OPEN_WAIT_S) if admissions[name].verdict is AdmissionVerdict.OPEN else left
            if time.monotonic() + wait_s > asked_at + max_wait_s:
                raise _busy(admissions[name].verdict, wait_s)
            if admissions[name].verdict is not AdmissionVerdict.PACED:
                await self._admission.wait_turn(wait_s)
                continue
            admission = await self._acquire(call, candidates[name], request, max_wait_s=until - time.monotonic())
            if admission.verdict is AdmissionVerdict.ADMITTED and await self._wait_for_start(
                call, name, request, admission
            ):
                return name, admission

    async def _acquire(
        self, call: str, provider: ImageProvider, request: ImageRequest, *, max_wait_s: float
    ) -> Admission:
        return await self._admission.acquire(
            call,
            provider.name,
            request.owner_id,
            limits=self._limits[provider.name],
            owner_daily_usd=self._owner_daily_usd,
            estimate_usd=provider.capabilities.estimate_usd,
            max_wait_s=max_wait_s,
        )

    def _soonest(self, admissions: Mapping[str, Admission]) -> tuple[str, float]:
        waits = {
            name: self._wait_s(admission) for name, admission in admissions.items() if admission.verdict not in _BUDGET
        }
        if not waits:
            raise _over_budget(self._over_budget)
        name = min(waits, key=lambda each: waits[each])
        return name, waits[name]

    def _wait_s(self, admission: Admission) -> float:
        if admission.verdict is AdmissionVerdict.PACED:
            return admission.wait_s
        return max(admission.wait_s, _MIN_WAIT_S) + _STAGGER_S * self._admission.waiting

    async def _wait_for_start(self, call: str, name: str, request: ImageRequest, admission: Admission) -> bool:
        """Wait for the admitted start; return whether the provider is still not blocked then."""
        async with self._release_on_error(call, name, request, admission):
            await asyncio.sleep(admission.wait_s)
            still_admitted = not await self._admission.is_blocked(name)
        if not still_admitted:
            await self._release_unused(call, name, request, admission)
        return still_admitted

    @contextlib.asynccontextmanager
    async def _release_on_error(
        self, call: str, name: str, request: ImageRequest, admission: Admission
    ) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await self._release_unused(call, name, request, admission)
            raise

    async def _release_unused(self, call: str, name: str, request: ImageRequest, admission: Admission) -> None:
        """Release the slot of a call that was admitted and not made."""
        await self._admission.release(
            call, name, request.owner_id, day=admission.day, health=ProviderHealth.UNKNOWN, begun=False,
            correction_usd=-self._providers[name].capabilities.estimate_usd,
        )  # fmt: skip

    async def _call(  # noqa: PLR0913, PLR0917 - one value per fact about the call
        self, call: str, provider: ImageProvider, request: ImageRequest, admission: Admission,
        on_work: OnWork | None, on_call: OnCall | None,
    ) -> GeneratedImage:  # fmt: skip
        async def on_started(work_id: str) -> None:
            if on_work:
                await on_work(provider.name, work_id)

        record = CallRecord(provider.name, on_call)
        try:
            async with record:
                fitted = await _fitted(provider, request)
                record.image = await _wrap_unexpected_errors(provider, provider.generate(fitted, on_started=on_started))
                return record.image
        finally:
            estimate = provider.capabilities.estimate_usd
            await self._admission.release(
                call, provider.name, request.owner_id, day=admission.day, health=record.health, pause_s=record.pause_s,
                correction_usd=record.spent_usd(estimate) - estimate,
            )  # fmt: skip


def _limits(provider: ImageProvider, limits: Limits | None) -> Limits:
    """Return the limits that are set, with the provider's own concurrency where none is set."""
    limits = limits or _NO_LIMITS
    if limits.concurrency is None:
        return limits.model_copy(update={"concurrency": provider.capabilities.concurrency})
    return limits


async def _fitted(provider: ImageProvider, request: ImageRequest) -> ImageRequest:
    return request.model_copy(update={"inputs": await fit_inputs(request.inputs, provider.capabilities)})


async def _wrap_unexpected_errors(provider: ImageProvider, generation: Awaitable[GeneratedImage]) -> GeneratedImage:
    try:
        return await generation
    except DarkroomError:
        raise
    except Exception as error:
        # Only third-party providers do this; their messages may contain secrets, so only the type is kept.
        message = f"the provider raised {type(error).__name__}"
        raise DarkroomError(message, code="provider_crashed", provider=provider.name) from error


def _shortfall(provider: ImageProvider, request: ImageRequest) -> str | None:
    """Return why the provider can't make the picture; None if it can."""
    capabilities = provider.capabilities
    size = f"{request.width}x{request.height}"
    if request.inputs and not capabilities.edit:
        return "it takes no input pictures"
    surplus = len(request.inputs) > capabilities.max_inputs
    if surplus and capabilities.surplus_inputs is SurplusInputs.REFUSE:
        return f"it takes at most {capabilities.max_inputs} input pictures"
    if request.inputs and len(request.inputs) < capabilities.min_inputs:
        return f"it needs at least {capabilities.min_inputs} input pictures"
    if not request.inputs and not capabilities.generate:
        return "it makes no picture from a prompt alone"
    return f"it does not make the size {size}" if capabilities.sizes and size not in capabilities.sizes else None


def _busy(verdict: AdmissionVerdict, wait_s: float) -> DarkroomError:
    if verdict is AdmissionVerdict.OPEN:
        return Transient("the circuits of all providers are open", code="circuit_open", retry_after=wait_s)
    return RateLimited(f"no provider is free: {verdict}", code="provider_busy", retry_after=wait_s)


def _over_budget(policy: Literal["wait", "fail"]) -> DarkroomError:
    message = "the daily budget is used up"
    if policy == "wait":
        return RateLimited(message, code="budget_exhausted", retry_after=seconds_until_tomorrow())
    public = "Today's budget for pictures is used up. Please try again tomorrow."
    return Invalid(message, code="budget_exhausted", public_message=public)
