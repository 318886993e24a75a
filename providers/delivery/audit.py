"""The audit log: a row of `audit_log`, once, as the web chat's messages."""

from __future__ import annotations

import structlog

from providers.delivery.base import NotAccepted, OnSending
from providers.records.base import DatabaseRefused
from providers.records.outbox import Outbox
from schemas.delivery import Delivery, DeliveryChannel
from schemas.errors import Fenced

log = structlog.get_logger(__name__)

_CHECK_VIOLATION = "23514"


class AuditChannel:
    """Writes what was made into the log that auditors read."""

    name = DeliveryChannel.AUDIT

    def __init__(self, deliveries: Outbox) -> None:
        """Write through `deliveries`, which belongs to somebody else."""
        self._deliveries = deliveries
        self._warned = False

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  nothing goes out
        """See `Channel.deliver`."""
        try:
            written = await self._deliveries.write_row(delivery, "audit_log", delivery.message)
        except DatabaseRefused as error:
            if error.details.get("sqlstate") != _CHECK_VIOLATION:
                raise
            if not self._warned:
                # Every photo of this database is refused alike.
                self._warned = True
                log.warning("audit_log_refuses_photos", error=str(error))
            raise NotAccepted(str(error), code="audit_log_refuses_photos") from error
        if not written:
            raise Fenced("the row was written by somebody else")

    async def aclose(self) -> None:
        """The connection belongs to somebody else."""
