"""Workers that are killed while work goes on in a provider's queue: the next one waits for it and pays nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devtools.chaos.provider import CountingProvider, Kind, marked
from tests.faults.deployment import Deployment, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Longer than the kill and the recovery take.
LATENCY_S = 10.0
TASKS = 3


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountingProvider]:
    log = tmp_path_factory.mktemp("provider") / "provider.log"
    with CountingProvider(log, latency_s=LATENCY_S) as provider:
        yield provider


@pytest.mark.parametrize("kind", [Kind.FAL, Kind.FASHN, Kind.COMFYUI])
def test_a_killed_worker_s_work_is_resumed_and_paid_for_once(
    deployment: Deployment, running: CountingProvider, kind: Kind
) -> None:
    """Given requests in the provider's queue, when their worker is killed, then another one fetches the pictures."""
    deployment.env = running.environment | {"TRYON_PROVIDERS": kind.value}
    owner = deployment.start_worker()
    tasks = deployment.new_tasks(TASKS)
    for task in tasks:
        deployment.push([task], marked("", task.task_id))
    wait_for(lambda: [bool(journal.get("calls")) for (journal,) in deployment.jobs(tasks, "journal")] == [True] * TASKS)
    owner.kill()
    deployment.start_worker()

    assert deployment.settle(tasks, timeout_s=60) == {"completed": TASKS}

    assert sum(running.paid_calls(kind).values()) == TASKS
    assert {recoveries for (recoveries,) in deployment.jobs(tasks, "recoveries")} == {1}
    assert {spent > 0 for (spent,) in deployment.jobs(tasks, "spent_usd")} == {kind is not Kind.COMFYUI}
