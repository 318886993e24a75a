"""The retention that the settings ask for."""

from __future__ import annotations

from pipelines.control.retention import Retention
from providers.records import Records
from providers.records.retention import DataKind
from settings import Settings


def make_retention(settings: Settings, records: Records) -> Retention:
    """Return the retention of `settings`, through the connections of `records`."""
    ttl_s = {
        DataKind.JOBS: settings.job_ttl_s,
        DataKind.DELIVERIES: settings.delivery_ttl_s,
        DataKind.DEAD_LETTERS: settings.dead_letter_ttl_s,
        DataKind.REQUESTS: settings.request_ttl_s,
        DataKind.AUDIT: settings.audit_ttl_s,
        DataKind.SIZE_FEEDBACK: settings.size_feedback_ttl_s,
    }
    return Retention(records.retention, {kind: seconds for kind, seconds in ttl_s.items() if seconds is not None})
