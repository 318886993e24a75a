"""A Redis that goes away, or comes back with nothing in it; a database that pauses."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.deployment import LEASE_S, wait_for

if TYPE_CHECKING:
    from commands.local.embedded.valkey import Valkey
    from tests.faults.deployment import Deployment


@pytest.fixture
def valkey(deployment: Deployment) -> Valkey:
    assert deployment.embedded.valkey
    return deployment.embedded.valkey


@pytest.mark.parametrize("empty", [False, True], ids=["with its data", "empty"])
def test_two_hundred_jobs_survive_an_outage_of_redis(deployment: Deployment, valkey: Valkey, empty: bool) -> None:
    """Given 200 jobs on their way, when Redis is away for two leases, then all 200 end and the credits add up."""
    deployment.start_worker(MAX_RECOVERIES="5")
    deployment.start_worker(MAX_RECOVERIES="5")
    tasks = deployment.run(200, "[mock:latency=1]")
    wait_for(lambda: deployment.states(tasks).get("completed", 0) > 20, what="the first pictures")
    wait_for(lambda: not deployment.redis.exists("wearon:tasks:generation"), what="the ingest")

    valkey.kill()
    assert deployment.states(tasks) != {"completed": 200}
    time.sleep(2 * LEASE_S)  # the outage itself
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
    assert deployment.jobs([task], "recoveries") == [(0,)]


def test_an_outage_at_the_end_of_a_stage_uses_up_no_recovery(deployment: Deployment, valkey: Valkey) -> None:
    """Given a generation whose next stage runs elsewhere, when Redis is away for three leases, then it just waits."""
    deployment.start_worker("--queues", "generate")
    deployment.start_worker("--queues", "ingest", "fetch", "resize", "watermark", "upload", "notify", "control")
    tasks = deployment.run(3, "[mock:latency=2]")
    deployment.wait_for_stage(tasks, "generate")

    valkey.kill()
    time.sleep(2 + 3 * LEASE_S)  # the generations end, then the outage lasts
    valkey.restart()

    assert deployment.settle(tasks) == {"completed": 3}
    assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]


def test_an_outage_uses_up_no_recovery_of_jobs_that_wait(deployment: Deployment, valkey: Valkey) -> None:
    """Given jobs in the queues behind one that runs, when Redis is away for two leases, then they wait on."""
    deployment.start_worker(WORKER_CONCURRENCY="1")
    tasks = deployment.run(6, "[mock:latency=1.5]")
    deployment.wait_for_stage(tasks, "generate")
    wait_for(lambda: deployment.jobs(tasks, "count(*) filter (where dispatched_at is not null)") == [(6,)])

    valkey.kill()
    time.sleep(2 * LEASE_S)  # the outage itself
    valkey.restart()

    assert deployment.settle(tasks) == {"completed": 6}
    assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]


def test_a_worker_that_is_stopped_while_redis_is_away_ends_in_time(deployment: Deployment, valkey: Valkey) -> None:
    """Given generations under way and no Redis, when their worker gets SIGTERM, then it exits and loses nothing."""
    worker = deployment.start_worker()
    tasks = deployment.run(6, "[mock:latency=4]")
    deployment.wait_for_stage(tasks, "generate")

    valkey.kill()
    worker.process.send_signal(signal.SIGTERM)
    # The grace period of 1 s, then what a supervisor adds before it kills, and some for a loaded machine.
    assert worker.process.wait(1 + 5 + 10) == 0
    valkey.restart()
    deployment.start_worker()

    assert deployment.settle(tasks) == {"completed": 6}
    assert max(deployment.jobs(tasks, "recoveries")) <= (1,)


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
