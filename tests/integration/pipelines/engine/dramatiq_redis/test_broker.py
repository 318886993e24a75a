"""The broker on a real Valkey: a job's message arrives once, immediately, and only when a slot is free."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from dramatiq import Message

from pipelines.engine.messages import enqueue_next_stage, job_message
from schemas.common import Product
from schemas.job import Job
from tests.waiting import LIMIT_S, wait_until

if TYPE_CHECKING:
    from pipelines.engine.dramatiq_redis.broker import Broker

LIMIT = 4  # the fixture's
JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")


def take(consumer: Any, timeout_s: float = 5.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        message = next(consumer)
        if message is not None:
            return message
    return None


def test_a_message_sent_twice_arrives_once(broker: Broker) -> None:
    message = job_message("fetch", JOB)
    broker.enqueue(message)
    broker.enqueue(message)
    consumer = broker.consume("fetch")

    assert take(consumer).options["job_message_id"] == "t1:1"

    assert next(consumer) is None
    assert broker.client.llen("dramatiq:fetch") == 0


def test_a_waiting_consumer_is_woken_by_the_message(broker: Broker) -> None:
    """Given a consumer that blocks for an hour, when a message arrives, then it stops waiting."""
    thread = threading.Thread(target=broker.wait_for_message, args=("fetch", 3600), daemon=True)
    thread.start()
    wait_until(lambda: broker.client.info("clients")["blocked_clients"], "the consumer's blocking call")
    broker.enqueue(job_message("fetch", JOB))
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_a_worker_never_fetches_more_than_the_queues_limit(broker: Broker) -> None:
    for number in range(10):
        broker.enqueue(job_message("generate", JOB.model_copy(update={"task_id": f"t{number}"})))
    consumer = broker.consume("generate", prefetch=1000)
    held = [take(consumer, 1.0) for _ in range(4)]
    assert all(held)
    assert broker.client.llen("dramatiq:generate") == 6

    consumer.ack(held[0])

    assert take(consumer) is not None
    assert broker.client.llen("dramatiq:generate") == 5


def test_the_next_stage_gets_the_job_of_the_previous_one(broker: Broker) -> None:
    following: Message[Any] = Message(queue_name="resize", actor_name="resize", args=(), kwargs={}, options={})
    first = job_message("fetch", JOB)
    first.options["pipe_target"] = following.asdict()
    broker.enqueue(first)
    message = take(broker.consume("fetch"))
    further = JOB.model_copy(update={"input_scratch": ("t1/a",), "attempt": 2})

    enqueue_next_stage(broker, message, further)
    enqueue_next_stage(broker, message, further)

    found = take(broker.consume("resize"))
    assert Job.model_validate(found.args[0]) == further.model_copy(update={"attempt": 0})
    assert broker.client.llen("dramatiq:resize") == 0


def test_an_acknowledged_message_frees_its_slot_unless_its_job_has_claimed_it(broker: Broker) -> None:
    for number in range(LIMIT + 1):
        broker.enqueue(job_message("fetch", JOB.model_copy(update={"task_id": f"t{number}"})))
    consumer = broker.consume("fetch")
    message, *_ = [take(consumer) for _ in range(LIMIT)]
    slot = broker.slots.claim(message.options["redis_message_id"])
    consumer.ack(message)
    assert next(consumer) is None
    assert broker.client.hlen("dramatiq:fetch.msgs") == LIMIT

    slot.release()

    assert take(consumer).options["job_message_id"] == f"t{LIMIT}:1"


def test_a_message_counts_as_queued_until_it_is_acknowledged_or_its_worker_is_dead(broker: Broker) -> None:
    assert not broker.is_queued("t1:1")
    broker.enqueue(job_message("fetch", JOB))
    assert broker.is_queued("t1:1")
    assert not broker.is_queued("t1:2")
    consumer = broker.consume("fetch")
    message = take(consumer)
    assert broker.is_queued("t1:1")
    broker.client.zadd("dramatiq:__heartbeats__", {broker.broker_id: 1})
    assert not broker.is_queued("t1:1")
    consumer.ack(message)
    assert not broker.is_queued("t1:1")


def test_the_messages_of_dead_workers_are_deleted_and_live_ones_keep_theirs(broker: Broker) -> None:
    for number in range(2):
        broker.enqueue(job_message("fetch", JOB.model_copy(update={"task_id": f"t{number}"})))
    assert take(broker.consume("fetch"))
    assert broker.forget_dead_workers() == 0
    broker.client.zadd("dramatiq:__heartbeats__", {broker.broker_id: 1})

    assert broker.forget_dead_workers() == 1

    assert not broker.client.keys("dramatiq:__acks__*")
    assert broker.client.hlen("dramatiq:fetch.msgs") == 0
