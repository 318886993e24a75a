"""A Redis that goes away, or comes back with nothing in it; a database that pauses."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.deployment import wait_for

if TYPE_CHECKING:
    from commands.local.embedded.valkey import Valkey
    from tests.faults.deployment import Deployment


@pytest.fixture
def valkey(deployment: Deployment) -> Valkey:
    assert deployment.embedded.valkey
    return deployment.embedded.valkey


@pytest.mark.parametrize("empty", [False, True], ids=["with its data", "empty"])
def test_two_hundred_jobs_survive_ten_seconds_without_redis(
    deployment: Deployment, valkey: Valkey, empty: bool
) -> None:
    """Given 200 jobs on their way, when Redis is away for 10 s, then all 200 end and the credits add up."""
    deployment.start_worker(MAX_RECOVERIES="5")
    deployment.start_worker(MAX_RECOVERIES="5")
    tasks = deployment.run(200)
    wait_for(lambda: deployment.states(tasks).get("completed", 0) > 20, what="the first pictures")
    wait_for(lambda: not deployment.redis.exists("wearon:tasks:generation"), what="the ingest")

    valkey.kill()
    time.sleep(10)  # the outage itself
    valkey.restart(empty=empty)

    assert deployment.settle(tasks, timeout_s=120) == {"completed": 200}


def test_the_next_stage_is_enqueued_once_redis_answers_again(deployment: Deployment, valkey: Valkey) -> None:
    """Given a generation in progress, when Redis is away as it finishes, then the job goes on without a recovery."""
    deployment.start_worker(LEASE_S="30")
    (task,) = deployment.run(1, "[mock:latency=2]")
    deployment.wait_for_stage([task], "generate")

    valkey.kill()
    time.sleep(3)  # the generation ends meanwhile
    valkey.restart()

    assert deployment.settle([task], timeout_s=25) == {"completed": 1}
    assert deployment.jobs([task], "token") == [(1,)]


def test_jobs_survive_a_database_that_pauses(deployment: Deployment) -> None:
    postgres = deployment.embedded.postgres
    assert postgres
    deployment.start_worker(MAX_RECOVERIES="5")
    tasks = deployment.run(40)
    deployment.wait_for_stage(tasks, "generate")

    postgres.pause()
    resume = threading.Timer(6, postgres.resume)
    resume.start()
    resume.join()

    assert deployment.settle(tasks, timeout_s=90) == {"completed": 40}
