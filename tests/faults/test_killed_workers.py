"""Workers that are killed, stopped, paused or poisoned."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.deployment import LEASE_S, Deployment, wait_for

if TYPE_CHECKING:
    from pathlib import Path


def test_sixty_sessions_survive_a_kill_in_every_stage(deployment: Deployment) -> None:
    """Given 60 sessions in flight, when a worker dies in each stage in turn, then all end and the credits add up."""
    deployment.env = {"MAX_RECOVERIES": "6"}  # a slow machine has a job in flight through all five deaths
    deployment.start_worker()
    tasks = deployment.new_tasks(60)
    stages = ["fetch", "resize", "generate", "watermark", "upload"]
    for number, stage in enumerate(stages):
        share = tasks[number * 12 : number * 12 + 12]
        deployment.push_until(share, stage)
        deployment.workers[-1].kill()
        deployment.start_worker()

    assert deployment.settle(tasks, timeout_s=120) == {"completed": 60}


def test_a_worker_that_lost_its_lease_cannot_commit(deployment: Deployment) -> None:
    """Given a worker paused beyond its lease, when another has taken over and it wakes, then one outcome stands."""
    paused = deployment.start_worker()
    (task,) = deployment.run(1, "[mock:latency=2]")
    deployment.wait_for_stage([task], "generate")
    paused.signal(signal.SIGSTOP)
    other = deployment.start_worker()
    try:
        wait_for(lambda: deployment.jobs([task], "recoveries") == [(1,)], what="the take-over")
    finally:
        paused.signal(signal.SIGCONT)

    assert deployment.settle([task]) == {"completed": 1}

    assert deployment.jobs([task], "recoveries") == [(1,)]
    wait_for(lambda: b"stage_stopped" in paused.log.read_bytes() or b"job_fenced" in paused.log.read_bytes())
    assert other.alive


def test_a_job_that_kills_its_worker_every_time_is_ended_after_three_recoveries(
    deployment: Deployment, tmp_path: Path
) -> None:
    install_crashing_provider(tmp_path)
    deployment.env = {"PYTHONPATH": str(tmp_path), "TRYON_PROVIDERS": "crashing"}
    deployment.start_worker()
    poison = deployment.run(1, "[crash]")
    deadline = time.monotonic() + 90
    while deployment.states(poison) != {"failed": 1}:
        assert time.monotonic() < deadline
        if not deployment.workers[-1].alive:
            deployment.start_worker()
        time.sleep(0.1)
    others = deployment.run(4)

    assert deployment.settle(others) == {"completed": 4}
    assert deployment.settle(poison) == {"failed": 1}

    # One run and three recoveries: four workers died of it.
    assert sum(not worker.alive for worker in deployment.workers) == 4
    assert deployment.last_event(poison[0])["message"] == "Worker restarted: the job did not complete"


def test_a_deploy_hands_running_work_back_without_using_up_an_attempt(deployment: Deployment) -> None:
    """Given a long generation, when its worker gets SIGTERM, then it exits in its grace and another goes on at once."""
    first = deployment.start_worker()
    (task,) = deployment.run(1, "[mock:latency=6]")
    deployment.wait_for_stage([task], "generate")
    deployment.start_worker()
    started = time.monotonic()

    assert first.stop() == 0

    assert time.monotonic() - started < 12
    assert deployment.settle([task]) == {"completed": 1}
    assert deployment.jobs([task], "recoveries") == [(0,)]


def test_hung_generations_starve_neither_recovery_nor_sweep(deployment: Deployment) -> None:
    """Given every place for generations taken by one that hangs, a lost job and a stuck session are still seen to."""
    other = deployment.start_worker()
    (lost,) = deployment.run(1, "[mock:latency=30]")
    deployment.wait_for_stage([lost], "generate")
    deployment.start_worker(WORKER_CONCURRENCY="8", STUCK_AFTER_S="1", MAX_RECOVERIES="0")
    other.kill()
    hung = deployment.run(8, "[mock:hang]")
    wait_for(lambda: deployment.states([*hung, lost]) == {"processing": 8, "failed": 1}, what="the end of the lost job")
    (stuck,) = deployment.new_tasks(1)
    time.sleep(1.1)  # the age at which a session counts as stuck here

    send_sweep(deployment)

    wait_for(lambda: deployment.states([stuck]) == {"failed": 1}, 20, "the sweep")
    deployment.assert_books_balance([stuck, lost])


def test_a_generation_that_never_answers_times_out(deployment: Deployment) -> None:
    deployment.start_worker(SOFT_TIME_LIMIT_S="1", HARD_TIME_LIMIT_S="2")
    tasks = deployment.run(2, "[mock:hang]")

    assert deployment.settle(tasks, timeout_s=20) == {"failed": 2}

    assert deployment.last_event(tasks[0])["message"] == "Task timed out after 5 minutes"


@pytest.mark.parametrize("pushed", ["waiting", "generating"])
def test_a_cancelled_session_is_refunded_once_and_nothing_more_is_made(deployment: Deployment, pushed: str) -> None:
    worker = deployment.start_worker(MAX_IN_FLIGHT="1" if pushed == "waiting" else "8")
    # The one that is cancelled while it is generated must not end before that.
    latency_s = 4 if pushed == "waiting" else 30
    first, second = deployment.run(1, f"[mock:latency={latency_s}]"), deployment.run(1, "[mock:latency=4]")
    deployment.wait_for_stage(first, "generate")
    wait_for(lambda: deployment.jobs(second, "state"), what="the second task's arrival")
    victim = second if pushed == "waiting" else first

    manage(deployment, "cancel", victim[0].session_id)

    wait_for(lambda: deployment.states(victim) == {"failed": 1}, 3, "the cancellation")
    deployment.settle([*first, *second])
    assert deployment.last_event(victim[0])["message"] == "Cancelled"
    assert deployment.jobs(victim, "state, spent_usd") == [("cancelled", 0)]
    assert worker.alive


def test_a_session_can_be_cancelled_before_its_task_was_taken(deployment: Deployment) -> None:
    """Given a task still in the list, when its session is cancelled, then it is refunded once and never made."""
    (task,) = deployment.new_tasks(1)
    deployment.push([task])

    manage(deployment, "cancel", task.session_id)

    deployment.start_worker()
    others = deployment.run(1)
    assert deployment.settle(others) == {"completed": 1}
    assert deployment.jobs([task], "state") == []
    deployment.assert_books_balance([task])


def test_the_job_of_a_killed_worker_is_recovered_by_another_one(deployment: Deployment) -> None:
    """Given a worker with a job, when it is killed, then another worker recovers the job once its lease has expired."""
    owner = deployment.start_worker()
    (task,) = deployment.run(1, "[mock:latency=3]")
    deployment.wait_for_stage([task], "generate")
    owner.kill()
    deployment.start_worker()

    assert deployment.settle([task], timeout_s=2 * LEASE_S + 15) == {"completed": 1}

    assert deployment.jobs([task], "recoveries") == [(1,)]


def send_sweep(deployment: Deployment) -> None:
    from dramatiq import Message  # noqa: PLC0415  only this helper speaks to the broker

    from pipelines.engine.dramatiq_redis.broker import Broker  # noqa: PLC0415

    broker = Broker(deployment.embedded.redis_url or "", limits={"control": 1}, middleware=[])
    broker.enqueue(Message(queue_name="control", actor_name="sweep", args=(), kwargs={}, options={}))
    broker.close()


def manage(deployment: Deployment, *arguments: str) -> None:
    import os  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from tests.faults.deployment import ROOT  # noqa: PLC0415

    env = os.environ | {
        "REDIS_URL": deployment.embedded.redis_url or "",
        "DATABASE_URL": deployment.database_url,
        "DATA_DIR": str(deployment.data_dir),
    }
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=True, timeout=30)


CRASHING = """
import os, signal
from providers.images.base import Capabilities
from providers.images.mock.provider import MockProvider

class CrashingProvider:
    name = "crashing"
    capabilities = Capabilities(edit=True, generate=True, max_inputs=16, paid=False)

    def __init__(self, config):
        self.mock = MockProvider(0.1)

    async def generate(self, request, *, on_started=None, resume=None):
        if "[crash]" in request.prompt:
            os.kill(os.getpid(), signal.SIGKILL)
        return await self.mock.generate(request)

    async def aclose(self):
        await self.mock.aclose()
"""


def install_crashing_provider(folder: Path) -> None:
    (folder / "crashing_provider.py").write_text(CRASHING)
    info = folder / "crashing_provider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing-provider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[darkroom.image_providers]\ncrashing = crashing_provider:CrashingProvider\n"
    )
