"""Contract of delivery channels. A test class per channel inherits this and provides the fixture `setup`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from providers.delivery import Channel
from schemas.delivery import Delivery
from schemas.errors import Fenced


@dataclass
class ChannelSetup:
    """A channel under test.

    Attributes:
        channel: Channel whose receiver answers immediately.
        new: Creates a claimed delivery that was not sent yet.
        received: Returns the number of different messages that the receiver got.
    """

    channel: Channel
    new: Callable[[], Awaitable[Delivery]]
    received: Callable[[], int]


async def allow_sending() -> None:
    """Let the channel send."""


async def refuse_sending() -> None:
    raise Fenced("another dispatcher delivers it")


class DeliveryChannelContract:
    async def test_it_implements_the_channel_protocol(self, setup: ChannelSetup) -> None:
        assert isinstance(setup.channel, Channel)
        assert setup.channel.name == (await setup.new()).channel

    async def test_a_returned_send_has_been_delivered(self, setup: ChannelSetup) -> None:
        await setup.channel.deliver(await setup.new(), on_sending=allow_sending)
        assert setup.received() == 1

    async def test_a_repeated_attempt_delivers_once_or_is_reported_as_uncertain(self, setup: ChannelSetup) -> None:
        """Either the receiver recognises a repetition, or nothing is sent before `on_sending` allows it."""
        calls = 0
        delivery = await setup.new()

        async def allow_once() -> None:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise Fenced("it was sent before")

        await setup.channel.deliver(delivery, on_sending=allow_once)
        with contextlib.suppress(Fenced):
            await setup.channel.deliver(delivery, on_sending=allow_once)
        assert setup.received() == 1

    async def test_a_delivery_claimed_by_another_dispatcher_is_not_sent_twice(self, setup: ChannelSetup) -> None:
        delivery = await setup.new()
        try:
            await setup.channel.deliver(delivery, on_sending=refuse_sending)
        except Fenced:
            assert setup.received() == 0
        else:
            assert setup.received() == 1

    async def test_deliveries_are_sent_concurrently(self, setup: ChannelSetup) -> None:
        deliveries = [await setup.new() for _ in range(10)]
        await asyncio.gather(*(setup.channel.deliver(item, on_sending=allow_sending) for item in deliveries))
        assert setup.received() == 10

    async def test_nothing_is_sent_after_a_stop(self, setup: ChannelSetup) -> None:
        delivery = await setup.new()
        stopped = asyncio.Event()

        async def stop() -> None:
            stopped.set()
            await asyncio.sleep(3600)

        sending = asyncio.ensure_future(setup.channel.deliver(delivery, on_sending=stop))
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait([sending, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not sending.done():
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert setup.received() == 0
