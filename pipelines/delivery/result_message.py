"""The result event for webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.job import Job


def result_message(job: Job) -> OutboxMessage:
    """Return the event of a finished job in the layout of Standard Webhooks: `type`, `timestamp`, `data`."""
    message = {
        "type": "generation.failed" if job.failure else "generation.completed",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": _data(job),
    }
    return OutboxMessage(kind=DeliveryKind.RESULT, channel=DeliveryChannel.WEBHOOK, message=message)


def _data(job: Job) -> dict[str, Any]:
    data: dict[str, Any] = {
        "product": job.product.value,
        "task_id": job.task_id,
        "session_id": job.session_id,
        "request_id": job.request_id,
        "run": job.run,
        "status": "failed" if job.failure else "completed",
    }
    if job.failure:
        return data | {"error": {"code": job.failure.code, "message": job.failure.message}}
    return data | {"result_urls": [picture.url for picture in job.pictures if picture.url]}
