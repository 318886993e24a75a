"""The port for delivery channels: chat, WhatsApp, audit log, webhook."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Awaited before a send that can't be undone; raises Fenced if another dispatcher has claimed the delivery.
OnSending = Callable[[], Awaitable[None]]


class NotAccepted(DarkroomError):  # noqa: N818  named as the errors of schemas.errors
    """The receiver does not take rows of this kind."""

    code = "not_accepted"


@runtime_checkable
class Channel(Protocol):
    """Delivers one message per call; calls run concurrently on one event loop.

    The channel decides between at most once and at least once. A channel whose receiver can't recognise a repetition
    awaits `on_sending` before it sends, so that an interrupted attempt is not repeated. A channel whose receiver can
    does not await it, and an interrupted attempt is repeated.
    """

    @property
    def name(self) -> DeliveryChannel:
        """Name of the channel in records and logs."""

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:
        """Deliver the message. Returning means that it was delivered.

        Raises:
            RateLimited: The receiver limits the rate; `retry_after` is its wait in seconds, if given.
            Ambiguous: It is unknown whether it was delivered; only raised after `on_sending`.
            Transient: It was not delivered; a retry may succeed.
            Invalid: It was not delivered; a retry can't succeed.
            Fenced: Another dispatcher has claimed it.
            NotAccepted: The receiver takes no rows of this kind; no dead letter is kept.
        """

    async def aclose(self) -> None:
        """Close the connections."""
