"""Stop signals to a worker with several processes: it ends in time, loses and fails nothing, pays for nothing twice."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.deployment import Deployment, Worker, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRACE_S = 8
#: Seconds that a supervisor leaves beyond the grace period before it kills, and some for a loaded machine.
LEEWAY_S = 10

COUNTING = """
import os
from providers.images.base import Capabilities
from providers.images.mock.provider import MockProvider

class CountingProvider:
    name = "counting"
    capabilities = Capabilities(edit=True, generate=True, max_inputs=16, paid=False)

    def __init__(self, config):
        self.mock = MockProvider(3.0)

    async def generate(self, request, *, on_started=None, resume=None):
        with open(os.environ["CALLS_FILE"], "a") as calls:
            calls.write("call\\n")
        return await self.mock.generate(request)

    async def aclose(self):
        await self.mock.aclose()
"""


def install_counting_provider(deployment: Deployment, folder: Path) -> Path:
    """Install a provider without resumption whose calls take 3 s; the file with a line for each call."""
    (folder / "counting_provider.py").write_text(COUNTING)
    info = folder / "counting_provider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counting-provider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[darkroom.image_providers]\ncounting = counting_provider:CountingProvider\n"
    )
    calls = folder / "calls"
    calls.touch()
    deployment.env = {"PYTHONPATH": str(folder), "TRYON_PROVIDERS": "counting", "CALLS_FILE": str(calls)}
    return calls


def to_group(worker: Worker) -> None:
    os.killpg(worker.process.pid, signal.SIGTERM)


def to_master(worker: Worker) -> None:
    worker.process.send_signal(signal.SIGTERM)


def to_child(worker: Worker) -> None:
    os.kill(worker.child, signal.SIGTERM)


def interrupt_group(worker: Worker) -> None:
    os.killpg(worker.process.pid, signal.SIGINT)


def count(calls: Path) -> int:
    return len(calls.read_text().splitlines())


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("send", [to_group, to_master, to_child, interrupt_group], ids=lambda send: send.__name__)
def test_a_worker_that_is_stopped_finishes_what_it_began(
    deployment: Deployment, tmp_path: Path, send: Callable[[Worker], None], times: int
) -> None:
    """Given 12 generations under way, when the worker is told to stop, then each is paid for once and completed."""
    calls = install_counting_provider(deployment, tmp_path)
    worker = deployment.start_worker("--processes", "2", SHUTDOWN_GRACE_S=str(GRACE_S))
    tasks = deployment.run(12)
    wait_for(lambda: count(calls) >= 6, what="the generations")

    for number in range(times):
        if number:
            time.sleep(0.5)  # as the second Ctrl-C comes
        send(worker)

    assert worker.process.wait(GRACE_S + LEEWAY_S) == 0
    assert b"cannot schedule new futures" not in worker.log.read_bytes()
    deployment.start_worker()
    assert deployment.settle(tasks) == {"completed": 12}
    assert count(calls) == 12
    assert deployment.jobs(tasks, "distinct run, recoveries") == [(1, 0)]


def test_what_outlasts_the_grace_period_is_handed_back_and_uses_up_nothing(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Given generations longer than the grace period, when the group gets SIGTERM, only these are repeated."""
    calls = install_counting_provider(deployment, tmp_path)
    worker = deployment.start_worker("--processes", "2", SHUTDOWN_GRACE_S="1")
    tasks = deployment.run(12)
    wait_for(lambda: count(calls) >= 6, what="the generations")

    to_group(worker)

    assert worker.process.wait(1 + LEEWAY_S) == 0
    began = count(calls)
    deployment.start_worker()
    assert deployment.settle(tasks) == {"completed": 12}
    assert count(calls) <= 12 + began
    assert deployment.jobs(tasks, "distinct run, recoveries") == [(1, 0)]
