"""A channel that tells nobody: it stands in where nothing may be sent, and remembers what would have been."""

from __future__ import annotations

from collections import deque

from providers.delivery.base import OnSending
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Deliveries that are remembered.
KEPT = 1000


class FakeChannel:
    """Takes the place of `name`; its records look as if everything had been told."""

    def __init__(self, name: DeliveryChannel, failures: tuple[DarkroomError, ...] = ()) -> None:
        """Raise the `failures` first, one a delivery; then succeed."""
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
        """It holds no connections."""
