"""A Redis that goes away, or comes back with nothing in it; a database that pauses."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.house import wait_for

if TYPE_CHECKING:
    from commands.embedded.valkey import Valkey
    from tests.faults.house import House


@pytest.fixture
def valkey(house: House) -> Valkey:
    assert house.embedded.valkey
    return house.embedded.valkey


@pytest.mark.parametrize("empty", [False, True], ids=["with its data", "empty"])
def test_two_hundred_jobs_survive_ten_seconds_without_redis(house: House, valkey: Valkey, empty: bool) -> None:
    """Given 200 jobs on their way, when Redis is away for 10 s, then all 200 end and the credits add up."""
    house.start_worker(MAX_RECOVERIES="5")
    house.start_worker(MAX_RECOVERIES="5")
    tasks = house.run(200)
    wait_for(lambda: house.states(tasks).get("completed", 0) > 20, what="the first pictures")
    wait_for(lambda: not house.redis.exists("wearon:tasks:generation"), what="the intake")

    valkey.kill()
    time.sleep(10)  # the outage itself
    valkey.restart(empty=empty)

    assert house.settle(tasks, timeout_s=120) == {"completed": 200}


def test_the_next_stage_is_enqueued_once_redis_answers_again(house: House, valkey: Valkey) -> None:
    """Given a generation in progress, when Redis is away as it finishes, then the job goes on without a recovery."""
    house.start_worker(LEASE_S="30")
    (task,) = house.run(1, "[mock:latency=2]")
    house.wait_for_stage([task], "generate")

    valkey.kill()
    time.sleep(3)  # the generation ends meanwhile
    valkey.restart()

    assert house.settle([task], timeout_s=25) == {"completed": 1}
    assert house.jobs([task], "token") == [(1,)]


def test_jobs_survive_a_database_that_pauses(house: House) -> None:
    postgres = house.embedded.postgres
    assert postgres
    house.start_worker(MAX_RECOVERIES="5")
    tasks = house.run(40)
    house.wait_for_stage(tasks, "generate")

    postgres.pause()
    resume = threading.Timer(6, postgres.resume)
    resume.start()
    resume.join()

    assert house.settle(tasks, timeout_s=90) == {"completed": 40}
