"""The delivery channel: a way to tell somebody about a job that has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import DarkroomError

#: Awaited right before something goes out that can't be taken back; raises Fenced if somebody else does it by now.
OnSending = Callable[[], Awaitable[None]]


class NotAccepted(DarkroomError):  # noqa: N818  named as the errors of schemas.errors
    """The receiver does not take rows of this kind."""

    code = "not_accepted"


@runtime_checkable
class Channel(Protocol):
    """Delivers one announcement at a time; many calls run side by side on one event loop.

    Whether an attempt that was cut off may be made again is the channel's to say: one that tells twice if it is asked
    twice awaits `on_sending` first, and is then told at most once. One whose receiver recognises a repetition does not,
    and tells at least once.
    """

    @property
    def name(self) -> DeliveryChannel:
        """The word that records and logs use for it."""

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:
        """Tell it. Returning means that it was told.

        Raises:
            RateLimited: The other side asked us to slow down; `retry_after` in seconds if it said for how long.
            Ambiguous: It may or may not have been told; only raised after `on_sending`.
            Transient: It was not told, and trying again may help.
            Invalid: It was not told, and trying again would not help.
            Fenced: Somebody else tells it.
            NotAccepted: The receiver takes nothing of this kind; there is nothing to keep.
        """

    async def aclose(self) -> None:
        """Give back connections."""
