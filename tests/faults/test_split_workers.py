"""Stages on workers of their own: jobs and their bytes pass through Redis and the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.deployment import Deployment, wait_for

if TYPE_CHECKING:
    from tests.faults.deployment import Worker

PIXELS = ("--queues", "resize", "watermark")
GENERATE = ("--queues", "generate")
REST = ("--queues", "ingest", "fetch", "upload", "notify", "control")


def split(deployment: Deployment) -> Worker:
    """A worker for each kind of work; the one for pixels."""
    deployment.start_worker(*REST)
    deployment.start_worker(*GENERATE)
    return deployment.start_worker(*PIXELS)


def left_in_scratch(deployment: Deployment) -> list[str]:
    folder = deployment.data_dir / "scratch"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def test_jobs_pass_between_workers_with_all_that_belongs_to_them(deployment: Deployment) -> None:
    split(deployment)

    tasks = deployment.run(12)

    assert deployment.settle(tasks) == {"completed": 12}
    assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]
    wait_for(lambda: not left_in_scratch(deployment), what="the scratch folder to be empty")


def test_jobs_outlive_the_worker_that_had_their_bytes_in_memory(deployment: Deployment) -> None:
    """Given jobs in the hands of the only worker for pixels, when it is killed, then the next one starts them over."""
    pixels = split(deployment)
    tasks = deployment.new_tasks(12)
    deployment.push_until(tasks, "resize")
    pixels.kill()

    deployment.start_worker(*PIXELS)

    assert deployment.settle(tasks) == {"completed": 12}


def test_a_worker_that_leaves_saves_what_its_jobs_hold(deployment: Deployment) -> None:
    """Given generations under way, when their worker gets SIGTERM, then another one finds their inputs."""
    deployment.start_worker(*REST)
    deployment.start_worker(*PIXELS)
    first = deployment.start_worker(*GENERATE)
    tasks = deployment.run(4, "[mock:latency=4]")
    deployment.wait_for_stage(tasks, "generate")

    assert first.stop() == 0
    deployment.start_worker(*GENERATE)

    assert deployment.settle(tasks) == {"completed": 4}
    assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]
