"""The audit log: a row of `audit_log`, once, as the web chat's messages."""

from __future__ import annotations

from providers.delivery.base import OnSending
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import Fenced


class AuditChannel:
    """Writes what was made into the log that auditors read."""

    name = DeliveryChannel.AUDIT

    def __init__(self, deliveries: Outbox) -> None:
        """Write through `deliveries`, which belongs to somebody else."""
        self._deliveries = deliveries

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  nothing goes out
        """See `Channel.deliver`."""
        if not await self._deliveries.write_row(delivery, "audit_log", delivery.message):
            raise Fenced("the row was written by somebody else")

    async def aclose(self) -> None:
        """The connection belongs to somebody else."""
