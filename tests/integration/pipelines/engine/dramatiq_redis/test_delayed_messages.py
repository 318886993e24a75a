"""Delayed messages on a real Valkey stay there until they are due, whatever happens to workers and clocks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage

from pipelines.engine.messages import enqueue_retry, job_message
from schemas.common import Product
from schemas.job import Job
from tests.integration.pipelines.engine.dramatiq_redis.test_broker import take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.engine.dramatiq_redis.broker import Broker

JOB = Job(product=Product.TRYON, task_id="t1", session_id="s1", owner_id="u1", channel="b2c", request_id="r1")
RETRIES = 60


def enqueue_delayed_retry(broker: Broker, delay_s: float, job: Job = JOB) -> None:
    enqueue_retry(broker, job_message("generate", job), job.model_copy(update={"attempt": 1}), delay_s)


def move_until_due(broker: Broker, delayed: Any) -> None:
    deadline = time.monotonic() + 10
    while not broker.client.llen("dramatiq:generate") and time.monotonic() < deadline:
        next(delayed)


@pytest.fixture
def shifted_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[float]:
    """Sets this host's clock two minutes ahead."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 120)
    yield 120
    monkeypatch.undo()


def test_a_delayed_message_is_moved_into_its_queue_when_it_is_due(broker: Broker) -> None:
    enqueue_delayed_retry(broker, 0.3)
    assert broker.is_queued("t1:1")
    assert broker.client.llen("dramatiq:generate") == 0
    delayed = broker.consume("generate.DQ")
    move_until_due(broker, delayed)

    message = take(broker.consume("generate"))

    assert message.args[0]["attempt"] == 1
    assert broker.slots.claim(message.options["redis_message_id"])


def test_a_delayed_message_outlives_the_consumer_that_saw_it(broker: Broker) -> None:
    """Given a delayed message, when the consumer is replaced after a connection error, then it is still delivered."""
    enqueue_delayed_retry(broker, 0.2)
    next(broker.consume("generate.DQ"))

    replacement = broker.consume("generate.DQ")
    move_until_due(broker, replacement)

    assert take(broker.consume("generate")).args[0]["attempt"] == 1


def test_a_delay_does_not_depend_on_the_clock_of_the_host_that_asked_for_it(
    broker: Broker, shifted_clock: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shifted_clock
    enqueue_delayed_retry(broker, 0.1)
    monkeypatch.undo()
    delayed = broker.consume("generate.DQ")
    move_until_due(broker, delayed)
    assert broker.client.llen("dramatiq:generate") == 1


def test_a_worker_whose_clock_is_behind_does_not_count_as_dead(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 120)
    broker.enqueue(job_message("fetch", JOB))
    assert take(broker.consume("fetch"))
    monkeypatch.undo()

    assert broker.forget_dead_workers() == 0
    assert broker.is_queued("t1:1")


def test_every_delayed_retry_finds_its_slot_in_a_running_worker(broker: Broker) -> None:
    """Given many retries that are due, when Dramatiq's own worker delivers them, then none is lost."""
    delivered: list[str] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def generate(payload: dict[str, Any]) -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        try:
            broker.slots.claim(message.options["redis_message_id"]).release()
        except KeyError as error:
            failed.append(error)
        delivered.append(payload["task_id"])
        if len(delivered) == RETRIES:
            done.set()

    broker.add_middleware(CurrentMessage())
    dramatiq.actor(actor_name="generate", queue_name="generate", broker=broker)(generate)
    worker = dramatiq.Worker(broker, worker_threads=4)
    worker.start()
    try:
        for number in range(RETRIES):
            enqueue_delayed_retry(broker, 0.01 * (number % 7), JOB.model_copy(update={"task_id": f"t{number}"}))
        assert done.wait(30)
    finally:
        worker.stop()

    assert (len(set(delivered)), failed) == (RETRIES, [])
