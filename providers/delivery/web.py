"""Web chat channel: insert a row of `messages` and mark the delivery as sent in one transaction, exactly once."""

from __future__ import annotations

from providers.delivery.base import OnSending
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel, DeliveryKind
from schemas.errors import Fenced


class WebChannel:
    """Inserts messages into the chat of the web application."""

    name = DeliveryChannel.WEB

    def __init__(self, deliveries: Outbox) -> None:
        """Write through `deliveries`; its owner closes it."""
        self._deliveries = deliveries

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  no external call
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
            raise Fenced("another worker has settled this delivery")

    async def aclose(self) -> None:
        """Do nothing: the owner of the outbox closes its connection."""
