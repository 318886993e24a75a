"""Stages on workers of their own: jobs and their bytes pass through Redis and the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.house import House, wait_for

if TYPE_CHECKING:
    from tests.faults.house import Worker

PIXELS = ("--queues", "resize", "watermark")
GENERATE = ("--queues", "generate")
REST = ("--queues", "ingest", "fetch", "upload", "notify", "control")


def split(house: House) -> Worker:
    """A worker for each kind of work; the one for pixels."""
    house.start_worker(*REST)
    house.start_worker(*GENERATE)
    return house.start_worker(*PIXELS)


def left_in_scratch(house: House) -> list[str]:
    folder = house.data_dir / "scratch"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def test_jobs_pass_between_workers_with_all_that_belongs_to_them(house: House) -> None:
    split(house)

    tasks = house.run(12)

    assert house.settle(tasks) == {"completed": 12}
    assert house.jobs(tasks, "distinct recoveries") == [(0,)]
    wait_for(lambda: not left_in_scratch(house), what="the scratch folder to be empty")


def test_jobs_outlive_the_worker_that_had_their_bytes_in_memory(house: House) -> None:
    """Given jobs in the hands of the only worker for pixels, when it is killed, then the next one starts them over."""
    pixels = split(house)
    tasks = house.new_tasks(12)
    house.push_until(tasks, "resize")
    pixels.kill()

    house.start_worker(*PIXELS)

    assert house.settle(tasks) == {"completed": 12}


def test_a_worker_that_leaves_saves_what_its_jobs_hold(house: House) -> None:
    """Given generations under way, when their worker gets SIGTERM, then another one finds their inputs."""
    house.start_worker(*REST)
    house.start_worker(*PIXELS)
    first = house.start_worker(*GENERATE)
    tasks = house.run(4, "[mock:latency=4]")
    house.wait_for_stage(tasks, "generate")

    assert first.stop() == 0
    house.start_worker(*GENERATE)

    assert house.settle(tasks) == {"completed": 4}
    assert house.jobs(tasks, "distinct recoveries") == [(0,)]
