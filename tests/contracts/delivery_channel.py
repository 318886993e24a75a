"""What every delivery channel does. A test class per channel inherits this and provides `bench`.

`bench.channel` is one whose far end answers at once; `bench.told()` counts the different messages that arrived.
"""

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
class Bench:
    """A channel under test.

    Attributes:
        channel: Whose far end answers at once.
        new: Makes an announcement that is claimed and was not told yet.
        told: How many different outbox_messages a receiver knows of.
    """

    channel: Channel
    new: Callable[[], Awaitable[Delivery]]
    told: Callable[[], int]


async def goes_out() -> None:
    """Nobody minds."""


async def somebody_elses() -> None:
    raise Fenced("somebody else tells it")


class DeliveryChannelContract:
    async def test_it_implements_the_channel_protocol(self, bench: Bench) -> None:
        assert isinstance(bench.channel, Channel)
        assert bench.channel.name == (await bench.new()).channel

    async def test_a_returned_send_has_been_delivered(self, bench: Bench) -> None:
        await bench.channel.deliver(await bench.new(), on_sending=goes_out)
        assert bench.told() == 1

    async def test_a_repeated_attempt_delivers_once_or_is_reported_as_uncertain(self, bench: Bench) -> None:
        """Either the receiver recognises a repetition, or nothing goes out before `on_sending` agreed."""
        asked = 0
        delivery = await bench.new()

        async def only_once() -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                raise Fenced("it went out before")

        await bench.channel.deliver(delivery, on_sending=only_once)
        with contextlib.suppress(Fenced):
            await bench.channel.deliver(delivery, on_sending=only_once)
        assert bench.told() == 1

    async def test_a_delivery_claimed_by_another_dispatcher_is_not_sent_twice(self, bench: Bench) -> None:
        delivery = await bench.new()
        try:
            await bench.channel.deliver(delivery, on_sending=somebody_elses)
        except Fenced:
            assert bench.told() == 0
        else:
            assert bench.told() == 1

    async def test_deliveries_are_sent_concurrently(self, bench: Bench) -> None:
        deliveries = [await bench.new() for _ in range(10)]
        await asyncio.gather(*(bench.channel.deliver(item, on_sending=goes_out) for item in deliveries))
        assert bench.told() == 10

    async def test_nothing_is_sent_after_a_stop(self, bench: Bench) -> None:
        delivery = await bench.new()
        stopped = asyncio.Event()

        async def stop() -> None:
            stopped.set()
            await asyncio.sleep(3600)

        telling = asyncio.ensure_future(bench.channel.deliver(delivery, on_sending=stop))
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait([telling, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not telling.done():
            telling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await telling
            assert bench.told() == 0
