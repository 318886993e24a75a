"""Services of ours that are away while pictures are being paid for: nothing is paid for twice while workers live."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from commands.migrate import make_buckets
from devtools.chaos.provider import CountingProvider, marked
from devtools.supabase_emulator import LocalSupabase
from tests.faults.deployment import LEASE_S, Deployment, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commands.local.embedded.postgres import Postgres
    from commands.local.embedded.valkey import Valkey
    from tests.faults.deployment import Task

TASKS = 12
#: Longer and shorter than a lease: with leases of 3 s like 30 s and 15 s with leases of 20 s.
LONG_S, SHORT_S = 2 * LEASE_S, 0.75 * LEASE_S


@pytest.fixture
def provider(deployment: Deployment) -> Iterator[CountingProvider]:
    """A provider that can't be asked again for what it made, and counts what it would bill."""
    with CountingProvider(deployment.data_dir / "provider.log", latency_s=2) as provider:
        deployment.env = provider.environment | {"TRYON_PROVIDERS": "openai", "OPENAI_MAX_RETRIES": "1"}
        yield provider


@pytest.fixture
def postgres(deployment: Deployment) -> Postgres:
    assert deployment.embedded.postgres
    return deployment.embedded.postgres


@pytest.fixture
def valkey(deployment: Deployment) -> Valkey:
    assert deployment.embedded.valkey
    return deployment.embedded.valkey


def run(deployment: Deployment, count: int = TASKS) -> list[Task]:
    tasks = deployment.new_tasks(count)
    for task in tasks:
        deployment.push([task], marked("", task.task_id))
    return tasks


def in_flight(provider: CountingProvider, count: int) -> Callable[[], bool]:
    return lambda: sum(provider.paid_calls().values()) >= count


def assert_each_was_paid_for_once(deployment: Deployment, provider: CountingProvider, tasks: list[Task]) -> None:
    paid = provider.paid_calls()
    assert {task.task_id: paid.get(task.task_id) for task in tasks} == {task.task_id: 1 for task in tasks}
    assert {spent > 0 for (spent,) in deployment.jobs(tasks, "spent_usd")} == {True}


@pytest.mark.parametrize("away_s", [LONG_S, SHORT_S], ids=["longer than a lease", "shorter than a lease"])
@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_postgresql_away_while_pictures_are_made(
    deployment: Deployment, provider: CountingProvider, postgres: Postgres, how: str, away_s: float
) -> None:
    """Given generations in flight on two workers, when PostgreSQL goes and comes back, each was paid for once."""
    for _ in range(2):
        deployment.start_worker()
    tasks = run(deployment)
    wait_for(in_flight(provider, TASKS), what="the calls")

    postgres.kill() if how == "killed" else postgres.pause()
    time.sleep(away_s)  # the outage itself
    postgres.start() if how == "killed" else postgres.resume()

    deployment.reconnect()
    assert deployment.settle(tasks) == {"completed": TASKS}
    assert_each_was_paid_for_once(deployment, provider, tasks)
    assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]


def test_tasks_that_arrive_around_an_outage_of_postgresql(
    deployment: Deployment, provider: CountingProvider, postgres: Postgres
) -> None:
    """Given tasks in every stage, when PostgreSQL is away for longer than a lease, each was paid for once."""
    for _ in range(2):
        deployment.start_worker()
    tasks = deployment.new_tasks(30)
    for number, task in enumerate(tasks):
        deployment.push([task], marked("", task.task_id))
        if number == 20:
            wait_for(in_flight(provider, 5), what="the first calls")
            postgres.kill()
    time.sleep(LONG_S)
    postgres.start()

    deployment.reconnect()
    assert deployment.settle(tasks) == {"completed": 30}
    assert_each_was_paid_for_once(deployment, provider, tasks)


def test_the_time_limits_do_not_end_a_job_that_only_writes(
    deployment: Deployment, provider: CountingProvider, postgres: Postgres
) -> None:
    """Given pictures in memory, when PostgreSQL is away for longer than the hard limit, they are still stored."""
    deployment.start_worker(SOFT_TIME_LIMIT_S="4", HARD_TIME_LIMIT_S="5")
    tasks = run(deployment, 6)
    wait_for(in_flight(provider, 6), what="the calls")

    postgres.kill()
    time.sleep(8)
    postgres.start()

    deployment.reconnect()
    assert deployment.settle(tasks) == {"completed": 6}
    assert_each_was_paid_for_once(deployment, provider, tasks)


@pytest.mark.parametrize("when", ["before the calls", "during the calls"])
def test_postgrest_and_storage_away(deployment: Deployment, provider: CountingProvider, when: str) -> None:
    """Given records and pictures behind Supabase, when it is away for longer than a lease, each is paid for once."""
    with LocalSupabase(deployment.database_url, deployment.data_dir / "supabase.log") as supabase:
        asyncio.run(make_buckets(supabase.url, supabase.service_role_key))
        deployment.env |= supabase.environment()
        for _ in range(2):
            deployment.start_worker()
        tasks = run(deployment)
        wait_for(in_flight(provider, 1 if when == "before the calls" else TASKS), what="the calls")

        supabase.kill()
        time.sleep(LONG_S)
        supabase.start()

        assert deployment.settle(tasks) == {"completed": TASKS}
    assert_each_was_paid_for_once(deployment, provider, tasks)


@pytest.mark.parametrize("how", ["killed", "frozen", "full"])
def test_redis_away_with_the_scratch_store_in_it(
    deployment: Deployment, provider: CountingProvider, valkey: Valkey, how: str
) -> None:
    """Given pictures that go to Redis, when it is killed, frozen or full for longer than a lease, each is paid once."""
    for _ in range(2):
        deployment.start_worker(SCRATCH="redis")
    tasks = run(deployment)
    wait_for(in_flight(provider, TASKS), what="the calls")

    with away(deployment, valkey, how):
        time.sleep(LONG_S)

    assert deployment.settle(tasks) == {"completed": TASKS}
    assert_each_was_paid_for_once(deployment, provider, tasks)


@pytest.mark.parametrize("until", ["before the calls", "during the calls"])
def test_a_full_disk(deployment: Deployment, provider: CountingProvider, until: str) -> None:
    """Given a full DATA_DIR, no call is begun; what was in flight is kept in memory and stored once there is room."""
    with small_disk(deployment) as disk:
        worker = deployment.start_worker(**disk.env)
        if until == "before the calls":
            disk.fill()
            tasks = run(deployment)
            wait_for(lambda: worker.log.read_bytes().count(b"scratch_unavailable") >= TASKS, what="refused writes")
            time.sleep(4 * LEASE_S)  # longer than its recoveries would last
            assert provider.paid_calls() == {}
        else:
            tasks = run(deployment)
            wait_for(in_flight(provider, TASKS), what="the calls")
            disk.fill()
            time.sleep(LONG_S)
        disk.make_room()

        assert deployment.settle(tasks) == {"completed": TASKS}
        assert_each_was_paid_for_once(deployment, provider, tasks)
        assert deployment.jobs(tasks, "distinct recoveries") == [(0,)]
        worker.kill()


def test_a_storage_folder_away(deployment: Deployment, provider: CountingProvider) -> None:
    for _ in range(2):
        deployment.start_worker()
    tasks = run(deployment)
    wait_for(in_flight(provider, TASKS), what="the calls")
    storage = deployment.data_dir / "storage"

    storage.touch()
    time.sleep(LONG_S)
    storage.unlink()

    assert deployment.settle(tasks) == {"completed": TASKS}
    assert_each_was_paid_for_once(deployment, provider, tasks)


@contextlib.contextmanager
def away(deployment: Deployment, valkey: Valkey, how: str) -> Iterator[None]:
    if how == "full":
        deployment.redis.config_set("maxmemory", 1)
        yield
        deployment.redis.config_set("maxmemory", 0)
        return
    if how == "killed":
        valkey.kill()
        yield
        valkey.start()
        return
    valkey.pause()
    try:
        yield
    finally:
        valkey.resume()


@dataclass
class Disk:
    """The disk of a worker's DATA_DIR.

    Attributes:
        env: What the worker is started with.
    """

    env: dict[str, str]
    folder: Path

    def fill(self) -> None:
        """Write until the disk is full."""
        with (self.folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(65_536))

    def make_room(self) -> None:
        (self.folder / "ballast").unlink()


class PretendedDisk(Disk):
    """For those who may not mount one: the worker's writes fail as on a full disk while there is ballast."""

    def fill(self) -> None:
        (self.folder / "ballast").touch()


PRETENDED_FULL = """
import errno, os
from pathlib import Path

def refuse(wrapped):
    def call(*arguments, **more):
        if Path({ballast!r}).exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return wrapped(*arguments, **more)
    return call

os.posix_fallocate = refuse(os.posix_fallocate)
os.fsync = refuse(os.fsync)
"""


@contextlib.contextmanager
def small_disk(deployment: Deployment) -> Iterator[Disk]:
    """A file system of 96 MB for a worker's DATA_DIR, or what looks like one to the worker."""
    folder = deployment.data_dir / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        site = deployment.data_dir / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(PRETENDED_FULL.format(ballast=str(folder / "ballast")))
        yield PretendedDisk({"DATA_DIR": str(folder), "PYTHONPATH": str(site)}, folder)
        return
    try:
        yield Disk({"DATA_DIR": str(folder)}, folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
