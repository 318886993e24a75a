"""Audit log channel: insert exactly one row of `audit_log` per delivery, as the web channel does for messages."""

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
    """Inserts a row about each result into `audit_log`."""

    name = DeliveryChannel.AUDIT

    def __init__(self, deliveries: Outbox) -> None:
        """Write through `deliveries`; its owner closes it."""
        self._deliveries = deliveries
        self._warned = False

    async def deliver(self, delivery: Delivery, *, on_sending: OnSending) -> None:  # noqa: ARG002  no external call
        """See `Channel.deliver`."""
        try:
            written = await self._deliveries.write_row(delivery, "audit_log", delivery.message)
        except DatabaseRefused as error:
            if error.details.get("sqlstate") != _CHECK_VIOLATION:
                raise
            if not self._warned:
                # The constraint rejects every photo of this database: warn once per process.
                self._warned = True
                log.warning("audit_log_refuses_photos", error=str(error))
            raise NotAccepted(str(error), code="audit_log_refuses_photos") from error
        if not written:
            raise Fenced("another worker has settled this delivery")

    async def aclose(self) -> None:
        """Do nothing: the owner of the outbox closes its connection."""
