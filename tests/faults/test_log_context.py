"""The log of a worker: every line of a job can be found by its session and request."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from tests.faults.deployment import TASKS, Deployment, Task, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Events that the jobs of this test must have logged, so that the test reads the lines it is about.
EXPECTED = frozenset(
    {
        "job_started",
        "job_recovered",
        "job_failed",
        "payload_rejected",
        "provider_call",
        "stage_retried",
        "stages_ended",
    }
)


def test_every_line_of_a_worker_is_json_also_of_its_main_process(deployment: Deployment) -> None:
    """Given a worker whose process dies, when its main process says so and ends, then that is a line of JSON."""
    worker = deployment.start_worker()
    os.kill(worker.child, signal.SIGKILL)
    worker.process.wait(30)

    lines = [json.loads(text) for text in worker.log.read_text().splitlines()]

    of_main_process = [line for line in lines if "MainProcess" in line.get("logger", "")]
    assert [line["level"] for line in of_main_process] == ["critical"]


def lines_of(deployment: Deployment, tasks: Iterable[Task]) -> list[tuple[Task, dict[str, Any]]]:
    """Return the log lines, of all workers, that name one of the tasks anywhere."""
    found = []
    for worker in deployment.workers:
        for text in worker.log.read_text().rpartition("\n")[0].splitlines():  # without a line that is being written
            named = [task for task in tasks if task.task_id in text]
            found += [(task, json.loads(text)) for task in named]
    return found


def test_every_line_of_a_job_names_its_session_and_its_request(deployment: Deployment) -> None:
    """Given jobs that succeed, are retried, fail, are recovered and are refused, then each line has all three ids."""
    first = deployment.start_worker()
    tasks = [
        *deployment.run(1, "[mock:plain]"),
        *deployment.run(1, "[mock:server_error=1]"),
        *deployment.run(1, "[mock:moderation]"),
    ]
    deployment.settle(tasks)
    recovered = deployment.run(1, "[mock:latency=3]")
    deployment.wait_for_stage(recovered, "generate")
    first.kill()
    deployment.start_worker()
    deployment.settle(recovered)
    (refused,) = deployment.new_tasks(1)
    deployment.redis.lpush(TASKS, json.dumps(deployment.payload(refused) | {"image_urls": 7}))
    wait_for(lambda: deployment.states([refused]) == {"failed": 1}, what="the refusal")

    named = [*tasks, *recovered, refused]
    wait_for(lambda: {line["event"] for _, line in lines_of(deployment, named)} >= EXPECTED, what="all log lines")
    for task, line in lines_of(deployment, named):
        ids = (line.get("task_id"), line.get("session_id"), line.get("request_id"))
        assert ids == (task.task_id, task.session_id, f"req_{task.task_id}"), line
