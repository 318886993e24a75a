"""Base class of providers whose work has an id: start it, have the id stored, wait for it, resume or cancel it.

Work is polled, more and more rarely; a webhook only causes a poll at once (`providers.images.webhook_listener`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from providers.images import errors as faults
from providers.images.base import KEEP_WORK
from schemas.errors import DarkroomError, Transient

if TYPE_CHECKING:
    from providers.images.base import GeneratedImage, ImageRequest, OnStarted

_MIN_POLL_S = 0.5
_MAX_POLL_S = 5.0
_POLL_GROWTH = 1.5
#: Poll interval of work that ends with a webhook, seconds: a webhook may be lost.
_POLL_WITH_WEBHOOKS_S = 60.0
#: Time to cancel work, seconds: an interrupted actor has about a second to end.
_CANCEL_S = 0.8


class Work(Protocol):
    """The state of work at the provider."""

    @property
    def id(self) -> str:
        """The provider's id of it."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""


W = TypeVar("W", bound=Work)


class QueuedProvider(ABC, Generic[W]):
    """Waits for work; a subclass knows the wire format. Also implements `TakesWebhooks`."""

    name: str

    def __init__(self, *, expects_webhooks: bool = False) -> None:
        """Poll; with `expects_webhooks` rarely, while webhooks reach this process."""
        self._expects_webhooks = expects_webhooks
        self._waiting: dict[str, asyncio.Event] = {}
        self._webhooks_arrive = False

    @abstractmethod
    async def _create(self, request: ImageRequest) -> W:
        """Start the work; raises as `ImageProvider.generate`."""

    @abstractmethod
    async def _read(self, work_id: str, read_s: float) -> W:
        """Return the state of the work, waiting at most `read_s` seconds for the answer.

        Raises:
            Transient: It could not be read now; it is read again.
            DarkroomError: It can't be read any more.
        """

    @abstractmethod
    async def _cancel(self, work_id: str, read_s: float) -> None:
        """Cancel the work if the provider can, waiting at most `read_s` seconds for the answer."""

    @abstractmethod
    def _picture(self, work: W, request: ImageRequest) -> GeneratedImage:
        """Return the picture of ended work; raises as `ImageProvider.generate`."""

    async def generate(
        self, request: ImageRequest, *, on_started: OnStarted | None = None, resume: str | None = None
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        until = time.monotonic() + request.deadline_s
        try:
            async with asyncio.timeout(request.deadline_s):
                if resume:
                    work = await self._wait(resume, until, pause=0)
                else:
                    work = await self._start(request, on_started)
                    if work.running:
                        # Resumed work may have been started without a webhook.
                        work = await self._wait(
                            work.id, until, pause=_MIN_POLL_S, expects_webhook=self._expects_webhooks
                        )
        except TimeoutError:
            raise faults.no_answer(self.name, request.deadline_s) from None
        return self._picture(work, request)

    @property
    def expects_webhooks(self) -> bool:
        """See `TakesWebhooks.expects_webhooks`."""
        return self._expects_webhooks

    def set_webhooks_arrive(self, *, arrive: bool) -> None:
        """See `TakesWebhooks.set_webhooks_arrive`. Polls all work now, as a webhook may have been missed."""
        self._webhooks_arrive = arrive
        for woken in self._waiting.values():
            woken.set()

    def wake(self, work_id: str) -> None:
        """See `TakesWebhooks.wake`."""
        if work_id in self._waiting:
            self._waiting[work_id].set()

    async def _start(self, request: ImageRequest, on_started: OnStarted | None) -> W:
        creation = asyncio.ensure_future(self._create(request))
        try:
            work = await asyncio.shield(creation)
        except asyncio.CancelledError:
            # Wait for the id, without which the work can't be cancelled.
            await self._cancel_when_created(creation)
            raise
        try:
            if on_started:
                await on_started(work.id)
        except BaseException:
            # Without a stored id the work can't be resumed.
            await self._try_to_cancel(work.id)
            raise
        return work

    async def _wait(self, work_id: str, until: float, *, pause: float, expects_webhook: bool = False) -> W:
        woken = self._waiting.setdefault(work_id, asyncio.Event())
        work: W | None = None
        try:
            while work is None or work.running:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await woken.wait()
                pause = min(_MAX_POLL_S, max(_MIN_POLL_S, pause * _POLL_GROWTH))
                # After a webhook, poll often again: the next answer may be older than the webhook.
                if expects_webhook and self._webhooks_arrive and not woken.is_set():
                    pause = _POLL_WITH_WEBHOOKS_S
                # Cleared before the poll, so that a webhook during the poll causes another one.
                woken.clear()
                work, pause = await self._poll(work_id, until, pause)
        except asyncio.CancelledError as cancelled:
            if KEEP_WORK not in cancelled.args and time.monotonic() < until:
                await self._try_to_cancel(work_id)
            raise
        finally:
            self._waiting.pop(work_id, None)
        return work

    async def _poll(self, work_id: str, until: float, pause: float) -> tuple[W | None, float]:
        """Return the current state and the next pause, seconds; polling is free, so a failed poll is repeated."""
        try:
            return await self._read(work_id, max(0.1, until - time.monotonic())), pause
        except Transient as error:
            return None, max(min(pause, _MAX_POLL_S), error.retry_after or 0)

    async def _cancel_when_created(self, creation: asyncio.Future[W]) -> None:
        done, _ = await asyncio.wait([creation], timeout=_CANCEL_S / 2)
        if not done:
            creation.cancel()
        elif not creation.exception():
            await self._try_to_cancel(creation.result().id)

    async def _try_to_cancel(self, work_id: str) -> None:
        # If this fails, the work ends at its own deadline.
        with contextlib.suppress(DarkroomError, TimeoutError):
            async with asyncio.timeout(_CANCEL_S / 2):
                await self._cancel(work_id, _CANCEL_S)
