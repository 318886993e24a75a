"""Consumers on a real Valkey: lost replies, stopping workers, and logs without private data."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis.exceptions
from dramatiq import Message
from dramatiq.errors import ConnectionClosed

from pipelines.engine.messages import job_message
from schemas.common import Product
from schemas.job import Job
from tests.integration.pipelines.engine.dramatiq_redis.test_broker import LIMIT, take

if TYPE_CHECKING:
    from pipelines.engine.dramatiq_redis.broker import Broker

JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")
SECRET = "a private prompt"


def enqueue(broker: Broker, count: int) -> None:
    for number in range(count):
        broker.enqueue(job_message("fetch", JOB.model_copy(update={"task_id": f"t{number}"})))


def test_a_message_whose_fetch_was_not_answered_is_fetched_again(broker: Broker) -> None:
    """Given a fetch whose reply was lost, when a new consumer begins, then it fetches the message."""
    enqueue(broker, 1)
    assert broker.do_fetch("fetch", 1)
    assert broker.client.llen("dramatiq:fetch") == 0

    message = take(broker.consume("fetch"))

    assert message is not None
    assert next(broker.consume("fetch")) is None, "a held message is not reclaimed"


@pytest.mark.parametrize("how", ["ack", "nack"])
@pytest.mark.parametrize("error", [redis.exceptions.TimeoutError, redis.exceptions.ConnectionError])
def test_a_slot_is_free_although_redis_did_not_answer_the_acknowledgement(
    broker: Broker, how: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(broker, 1)
    consumer = broker.consume("fetch")
    message = take(consumer)

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(broker, "do_ack", fail, raising=False)
        patched.setattr(broker, "do_nack", fail, raising=False)
        with pytest.raises(ConnectionClosed):
            getattr(consumer, how)(message)
    assert broker.slots.free_slots("fetch") == LIMIT

    getattr(consumer, how)(message)

    assert not broker.client.keys("dramatiq:__acks__*")


def test_a_stopping_worker_requeues_messages_that_it_has_not_processed(broker: Broker) -> None:
    enqueue(broker, 3)
    consumer = broker.consume("fetch")
    assert take(consumer)
    assert broker.client.llen("dramatiq:fetch") == 0
    broker.slots.close()
    assert next(consumer) is None

    consumer.close()

    assert broker.client.llen("dramatiq:fetch") == 2


def test_a_stopping_worker_does_not_wait_for_redis_to_acknowledge(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(broker, 1)
    consumer = broker.consume("fetch")
    message = take(consumer)
    broker.slots.close()

    def fail(*_: Any, **__: Any) -> None:
        raise redis.exceptions.ConnectionError

    monkeypatch.setattr(broker, "do_ack", fail, raising=False)

    consumer.ack(message)

    assert broker.slots.wait_until_empty(0)


def test_an_unreadable_message_does_not_stop_the_consumer(broker: Broker) -> None:
    broker.do_enqueue("fetch", "broken", b'{"prompt": "' + SECRET.encode() + b'"}')
    enqueue(broker, 1)
    assert take(broker.consume("fetch"), 5).options["job_message_id"] == "t0:1"


def test_dramatiqs_own_logs_never_print_the_arguments_of_a_message(
    broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an actor and an acknowledgement that fail, when everything is logged, then the prompt is not."""
    failed = threading.Event()
    acknowledge: Any = type(broker).__getattr__

    def fails_once(self: Broker, name: str) -> Any:
        if name == "do_ack" and not failed.is_set():
            failed.set()
            raise redis.exceptions.ConnectionError
        return acknowledge(self, name)

    monkeypatch.setattr(type(broker), "__getattr__", fails_once)
    monkeypatch.setattr("dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.01)
    crashed = threading.Event()

    def fetch(payload: dict[str, Any]) -> None:
        assert payload
        crashed.set()
        raise ZeroDivisionError

    dramatiq.actor(actor_name="fetch", queue_name="fetch", broker=broker)(fetch)
    caplog.set_level(logging.DEBUG, "dramatiq")
    for logger in ("dramatiq.worker.WorkerThread", "dramatiq.worker.ConsumerThread(fetch)"):
        caplog.set_level(logging.DEBUG, logger)
    worker = dramatiq.Worker(broker, worker_threads=1)
    worker.start()
    try:
        arguments = ({"prompt": SECRET},)
        broker.enqueue(
            Message(queue_name="fetch", actor_name="fetch", args=arguments, kwargs={"p": SECRET}, options={})
        )
        broker.enqueue(job_message("fetch", JOB.model_copy(update={"prompt": SECRET})))
        assert crashed.wait(10)
    finally:
        worker.stop()

    assert "Failed to process message fetch(" in caplog.text
    assert SECRET not in caplog.text
