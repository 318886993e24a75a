"""Deliveries for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.delivery import Delivery, DeliveryChannel, DeliveryKind


def sample_delivery(channel: DeliveryChannel, kind: DeliveryKind = DeliveryKind.PHOTO, **more: Any) -> Delivery:
    fields = {
        "id": 1,
        "task_id": "t1",
        "run": 1,
        "kind": kind,
        "channel": channel,
        "owner_id": "u1",
        "request_id": "req_1",
        "message": {"user_id": "u1", "avatar_id": "a1", "url": "https://files.example/p.jpg?s=1"},
        "state": "claimed",
        "claim": 1,
        "created_at": datetime.now(UTC),
    }
    return Delivery.model_validate(fields | more)
