"""Outbox dispatcher: sends due deliveries from the table; another worker continues if this one dies."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Mapping

import orjson
import structlog

from pipelines.control.background import wait_or_stop
from pipelines.delivery.backoff import delay_s
from providers.delivery import Channel
from providers.delivery.base import NotAccepted
from providers.delivery.wakeup import WAKE, DeliveryWakeup, DeliveryWakeupUnavailable
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import Ambiguous, DarkroomError, Fenced, Invalid

log = structlog.get_logger(__name__)

#: Largest number of deliveries in flight per worker process.
MAX_IN_FLIGHT = 64
#: Largest number of them through one channel: many owners' unresponsive receivers leave room for other channels.
MAX_PER_CHANNEL = 48
#: Seconds until an unsettled delivery can be claimed again; longer than any channel takes.
LEASE_S = 30.0
#: Longest wait for a wake-up, seconds.
IDLE_S = 1
#: Seconds that deliveries in flight may take to finish when the worker stops.
STOP_S = 3.0

#: Code of a delivery whose previous attempt was interrupted; it counts as sent.
OUTCOME_UNKNOWN = "outcome_unknown"


class DeliveryDispatcher:
    """Competing consumer of the outbox.

    Each claim increments a counter of the delivery; only the latest claimant may settle it.
    """

    def __init__(self, deliveries: Outbox, wakeup: DeliveryWakeup, channels: Mapping[DeliveryChannel, Channel]) -> None:
        """Deliver through `channels`; deliveries to a channel that is not set up fail for good."""
        self._deliveries = deliveries
        self._wakeup = wakeup
        self._channels = channels
        self._in_flight: dict[asyncio.Task[None], DeliveryChannel] = {}
        self._waiting: asyncio.Task[None] | None = None
        #: Whether more deliveries may be due, beyond the shares of those in flight.
        self._backlog = False

    async def run(self, stopped: asyncio.Event) -> None:
        """Send due deliveries until `stopped`; log and retry failures."""
        try:
            while not stopped.is_set():
                try:
                    await self._wait_for_work(stopped)
                    await self.run_once()
                except DarkroomError as error:
                    log.warning("delivery_dispatch_failed", error=str(error))
                    await wait_or_stop(stopped, IDLE_S)
        finally:
            if self._waiting is not None:
                self._waiting.cancel()
                await asyncio.gather(self._waiting, return_exceptions=True)
                self._waiting = None
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=STOP_S)

    async def run_once(self) -> int:
        """Claim and start as many due deliveries as may be in flight; return their number.

        Raises:
            DarkroomError: The database is unavailable.
        """
        free = MAX_IN_FLIGHT - len(self._in_flight)
        if free <= 0:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            return 0
        used = Counter(self._in_flight.values())
        channels = {channel: MAX_PER_CHANNEL - used[channel] for channel in DeliveryChannel}
        claimed = await self._deliveries.claim(limit=free, lease_s=LEASE_S, channels=channels)
        # An empty claim means little while deliveries are in flight: their shares may be free before their tasks end.
        self._backlog = bool(claimed or (self._backlog and self._in_flight))
        for delivery in claimed:
            task = asyncio.create_task(self._deliver_logged(delivery))
            self._in_flight[task] = delivery.channel
            task.add_done_callback(self._in_flight.pop)
        return len(claimed)

    async def drain(self) -> None:
        """Wait until no delivery is in flight."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    async def aclose(self) -> None:
        """Close the channels' connections."""
        for channel in self._channels.values():
            await channel.aclose()

    async def _wait_for_work(self, stopped: asyncio.Event) -> None:
        """Return on a wake-up, after `IDLE_S`, or when a delivery has ended and others may wait for its share."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._wait_for_wakeup(stopped))
        ended = self._in_flight if self._backlog else ()
        await asyncio.wait({self._waiting, *ended}, return_when=asyncio.FIRST_COMPLETED)
        if self._waiting.done():
            waiting, self._waiting = self._waiting, None
            waiting.result()

    async def _wait_for_wakeup(self, stopped: asyncio.Event) -> None:
        try:
            item = await self._wakeup.wait(IDLE_S)
            if item is not None:
                if item != WAKE:
                    await self._retry_dead(item)
                await self._wakeup.ack(item)
        except DeliveryWakeupUnavailable as error:
            # Due deliveries are in the database; Redis only wakes the dispatcher.
            log.warning("delivery_wakeup_unavailable", error=str(error))
            await wait_or_stop(stopped, IDLE_S)

    async def _retry_dead(self, request: bytes) -> None:
        try:
            number = int(orjson.loads(request)["delivery"])
        except (ValueError, TypeError, KeyError):
            log.warning("invalid_redelivery_request", reason="it does not name a delivery")
            return
        found = await self._deliveries.retry_dead(number)
        log.info("dead_delivery_retried", delivery=number, found=found)

    async def _deliver_logged(self, delivery: Delivery) -> None:
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
                # When its claim expires, a dispatcher claims it again.
                log.warning("delivery_not_settled", error=str(error))

    async def _attempt(self, delivery: Delivery) -> None:
        if delivery.interrupted:
            log.warning("delivery_unknown", code=OUTCOME_UNKNOWN)
            await self._deliveries.mark_sent(delivery, OUTCOME_UNKNOWN)
            return
        try:
            await self._channel(delivery).deliver(delivery, on_sending=functools.partial(self._mark_sending, delivery))
        except Fenced:
            log.info("delivery_not_ours")
        except NotAccepted as error:
            await self._deliveries.mark_sent(delivery, error.error_code)
        except Ambiguous as error:
            log.warning("delivery_unknown", code=error.error_code, error=str(error))
            await self._deliveries.mark_sent(delivery, error.error_code)
        except DarkroomError as error:
            await self._settle_failure(delivery, error)
        except Exception as error:
            log.exception("channel_crashed")
            await self._settle_failure(delivery, DarkroomError(f"unexpected {type(error).__name__}"))
        else:
            await self._deliveries.mark_sent(delivery)
            log.info("delivered", attempt=delivery.attempts)

    def _channel(self, delivery: Delivery) -> Channel:
        channel = self._channels.get(delivery.channel)
        if channel is None:
            raise Invalid(f"the channel {delivery.channel} is not set up", code="channel_not_set_up")
        return channel

    async def _mark_sending(self, delivery: Delivery) -> None:
        if not await self._deliveries.mark_sending(delivery):
            raise Fenced("another dispatcher delivers it")

    async def _settle_failure(self, delivery: Delivery, error: DarkroomError) -> None:
        delay = delay_s(error, delivery)
        fields = {"code": error.error_code, "error": str(error), "attempt": delivery.attempts}
        if delay is None:
            log.warning("delivery_given_up", **fields)
            await self._deliveries.mark_dead(delivery, error.error_code, str(error))
        else:
            log.warning("delivery_retried", delay_s=round(delay, 1), **fields)
            await self._deliveries.reschedule(delivery, error.error_code, delay)
