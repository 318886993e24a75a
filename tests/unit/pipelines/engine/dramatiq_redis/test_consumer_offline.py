from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dramatiq import Message, MessageProxy
from dramatiq.errors import ConnectionClosed

from pipelines.engine.dramatiq_redis.broker import Broker

if TYPE_CHECKING:
    from pathlib import Path


def test_requeueing_without_redis_raises_the_error_that_dramatiq_expects(tmp_path: Path) -> None:
    broker = Broker(f"unix://{tmp_path}/missing.sock", limits={"fetch": 1}, middleware=[])
    consumer = broker.consume("fetch")
    message: Message[None] = Message(
        queue_name="fetch", actor_name="fetch", args=(), kwargs={}, options={"redis_message_id": "1"}
    )

    with pytest.raises(ConnectionClosed):
        consumer.requeue([MessageProxy(message)])

    broker.close()
