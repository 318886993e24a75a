"""Workers that run some stages only: jobs and their bytes pass between them through Redis and the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.deployment import Deployment, wait_for

if TYPE_CHECKING:
    from tests.faults.deployment import Worker

PIXELS = ("--queues", "resize", "watermark")
GENERATE = ("--queues", "generate")
REST = ("--queues", "ingest", "fetch", "upload", "notify", "control")


def start_split_workers(deployment: Deployment) -> Worker:
    """Start three workers with different queues and return the one for pixels."""
    deployment.start_worker(*REST)
    deployment.start_worker(*GENERATE)
    return deployment.start_worker(*PIXELS)


def scratch_entries(deployment: Deployment) -> list[str]:
    folder = deployment.data_dir / "scratch"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def test_jobs_pass_between_workers_with_their_data(deployment: Deployment) -> None:
    start_split_workers(deployment)

    tasks = deployment.run(12)

    assert deployment.settle(tasks) == {"completed": 12}
    assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]
    wait_for(lambda: not scratch_entries(deployment), what="the scratch folder to be empty")


def test_jobs_survive_the_loss_of_the_worker_with_their_bytes(deployment: Deployment) -> None:
    """Given jobs on the only worker for pixels, when it is killed, then the next one repeats their stages."""
    pixels = start_split_workers(deployment)
    tasks = deployment.new_tasks(12)
    deployment.push_until(tasks, "resize")
    pixels.kill()

    deployment.start_worker(*PIXELS)

    assert deployment.settle(tasks) == {"completed": 12}


def test_a_stopping_worker_saves_the_data_of_its_jobs(deployment: Deployment) -> None:
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
