"""The web chat: a row of `messages`, written and marked as sent in one transaction, so that it is there once."""

from __future__ import annotations

from providers.delivery.base import OnSending
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel, DeliveryKind
from schemas.errors import Fenced


class WebChannel:
    """Writes into the chat that the web application shows."""

    name = DeliveryChannel.WEB

    def __init__(self, deliveries: Outbox) -> None:
        """Write through `deliveries`, which belongs to somebody else."""
        self._deliveries = deliveries

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  nothing goes out
        """See `Channel.deliver`."""
        message = delivery.message
        row = {
            "user_id": message["user_id"],
            "avatar_id": message["avatar_id"],
            "channel": "web",
            "role": "assistant",
            "content": f"[PHOTO]{message['url']}[/PHOTO]" if delivery.kind is DeliveryKind.PHOTO else message["text"],
        }
        if not await self._deliveries.write_row(delivery, "messages", row):
            raise Fenced("the message was written by somebody else")

    async def aclose(self) -> None:
        """The connection belongs to somebody else."""
