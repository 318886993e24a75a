from __future__ import annotations

import json
from typing import TYPE_CHECKING

from devtools.chaos.handed_back import handed_back

if TYPE_CHECKING:
    from pathlib import Path


def line(**fields: str) -> str:
    return json.dumps({"event": "stage_stopped", "reason": "shutdown", "stage": "generate", "task_id": "a"} | fields)


def test_generations_that_a_shutdown_stopped_are_counted_by_task(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    other = [
        line(task_id="b", stage="upload"),
        line(task_id="b", reason="lost"),
        line(task_id="b", event="stage_retried"),
        "a traceback",
    ]
    log.write_text("\n".join([line(), *other, line()]))

    assert handed_back([log]) == {"a": 2}
