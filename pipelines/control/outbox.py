"""Delivers what is due, from the table: whatever happens to a worker, the next one goes on."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Mapping

import orjson
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.delivery.backoff import delay_s
from providers.delivery import Channel
from providers.delivery.base import NotAccepted
from providers.delivery.wakeup import RING, DeliveryWakeup, DeliveryWakeupUnavailable
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import Ambiguous, DarkroomError, Fenced, Invalid

log = structlog.get_logger(__name__)

#: Outbox in the air at once, per worker process.
AT_ONCE = 64
#: Seconds until an unsettled delivery is somebody else's; longer than any channel takes.
LEASE_S = 30.0
#: Seconds between looks when nobody rings.
IDLE_S = 1
#: Seconds that deliveries in the air may take to finish when the worker stops.
STOP_S = 3.0
#: How long what was said is remembered, and how often the older ones are forgotten, seconds.
KEPT_S = 30 * 86_400.0
PURGE_INTERVAL_S = 3600.0

#: The attempt before was cut off; it counts as sent.
OUTCOME_UNKNOWN = "outcome_unknown"


class DeliveryDispatcher:
    """One of many: they claim deliveries from each other's reach, and each claim fences the one before."""

    def __init__(self, deliveries: Outbox, wakeup: DeliveryWakeup, channels: Mapping[DeliveryChannel, Channel]) -> None:
        """Deliver by `channels`; one that is missing is not set up, and what would go there is given up."""
        self._deliveries = deliveries
        self._bell = wakeup
        self._channels = channels
        self._air: set[asyncio.Task[None]] = set()
        self._purge_at = 0.0

    async def run(self, stopped: asyncio.Event) -> None:
        """Deliver whenever something is due, until `stopped`; whatever fails is tried again."""
        while not stopped.is_set():
            try:
                await self._listen(stopped)
                await self.look()
                await self._purge()
            except DarkroomError as error:
                log.warning("courier_failed", error=str(error))
                await wait_or_stop(stopped, IDLE_S)
        if self._air:
            await asyncio.wait(self._air, timeout=STOP_S)

    async def look(self) -> int:
        """Start everything that is due and fits; returns how many deliveries.

        Raises:
            DarkroomError: The database could not be asked.
        """
        free = AT_ONCE - len(self._air)
        if free <= 0:
            await asyncio.wait(self._air, return_when=asyncio.FIRST_COMPLETED)
            return 0
        found = await self._deliveries.claim(limit=free, lease_s=LEASE_S)
        for delivery in found:
            task = asyncio.create_task(self._guarded(delivery))
            self._air.add(task)
            task.add_done_callback(self._air.discard)
        return len(found)

    async def settle(self) -> None:
        """Wait for everything that is in the air."""
        while self._air:
            await asyncio.wait(self._air)

    async def aclose(self) -> None:
        """Give back the channels' connections."""
        for channel in self._channels.values():
            await channel.aclose()

    async def _listen(self, stopped: asyncio.Event) -> None:
        try:
            item = await self._bell.wait(IDLE_S)
            if item is not None:
                if item != RING:
                    await self._rearm(item)
                await self._bell.taken(item)
        except DeliveryWakeupUnavailable as error:
            # What is due is in the database; Redis only wakes.
            log.warning("delivery_wakeup_unavailable", error=str(error))
            await wait_or_stop(stopped, IDLE_S)

    async def _rearm(self, letter: bytes) -> None:
        try:
            number = int(orjson.loads(letter)["delivery"])
        except (ValueError, TypeError, KeyError):
            log.warning("invalid_redelivery_request", reason="it names no delivery")
            return
        armed = await self._deliveries.retry_dead(number)
        log.info("delivery_rearmed", delivery=number, armed=armed)

    async def _purge(self) -> None:
        if time.monotonic() >= self._purge_at:
            self._purge_at = time.monotonic() + PURGE_INTERVAL_S
            await self._deliveries.purge(KEPT_S)

    async def _guarded(self, delivery: Delivery) -> None:
        with structlog.contextvars.bound_contextvars(
            request_id=delivery.request_id,
            task_id=delivery.task_id,
            session_id=delivery.session_id,
            run=delivery.run,
            kind=delivery.kind.value,
            channel=delivery.channel.value,
        ):
            try:
                await self._attempt(delivery)
            except DarkroomError as error:
                # Not settled: its claim runs out, and it is somebody's again.
                log.warning("delivery_not_settled", error=str(error))

    async def _attempt(self, delivery: Delivery) -> None:
        if delivery.interrupted:
            log.warning("delivery_unknown", code=OUTCOME_UNKNOWN)
            await self._deliveries.sent(delivery, OUTCOME_UNKNOWN)
            return
        try:
            await self._channel(delivery).deliver(delivery, on_sending=functools.partial(self._sending, delivery))
        except Fenced:
            log.info("delivery_not_ours")
        except NotAccepted as error:
            await self._deliveries.sent(delivery, error.error_code)
        except Ambiguous as error:
            log.warning("delivery_unknown", code=error.error_code, error=str(error))
            await self._deliveries.sent(delivery, error.error_code)
        except DarkroomError as error:
            await self._failed(delivery, error)
        except Exception as error:
            log.exception("channel_crashed")
            await self._failed(delivery, DarkroomError(f"unexpected {type(error).__name__}"))
        else:
            await self._deliveries.sent(delivery)
            log.info("delivered", attempt=delivery.attempts)

    def _channel(self, delivery: Delivery) -> Channel:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise Invalid(f"the channel {delivery.channel} is not set up", code="channel_not_set_up")
        return channel

    async def _sending(self, delivery: Delivery) -> None:
        if not await self._deliveries.sending(delivery):
            raise Fenced("somebody else delivers it")

    async def _failed(self, delivery: Delivery, error: DarkroomError) -> None:
        delay = delay_s(error, delivery)
        facts = {"code": error.error_code, "error": str(error), "attempt": delivery.attempts}
        if delay is None:
            log.warning("delivery_given_up", **facts)
            await self._deliveries.give_up(delivery, error.error_code, str(error))
        else:
            log.warning("delivery_retried", delay_s=round(delay, 1), **facts)
            await self._deliveries.again(delivery, error.error_code, delay)
