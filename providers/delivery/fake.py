"""Fake channel: records deliveries in memory instead of sending them."""

from __future__ import annotations

from collections import deque

from providers.delivery.base import OnSending
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Maximum number of recorded deliveries.
KEPT = 1000


class FakeChannel:
    """Replaces the channel `name` and reports every delivery as sent."""

    def __init__(self, name: DeliveryChannel, failures: tuple[DarkroomError, ...] = ()) -> None:
        """Raise one of `failures` per delivery, in order; then succeed."""
        self.name = name
        self.sent: deque[Delivery] = deque(maxlen=KEPT)
        self._failures = deque(failures)

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:
        """See `Channel.deliver`."""
        await on_sending()
        if self._failures:
            raise self._failures.popleft()
        self.sent.append(delivery)

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""
