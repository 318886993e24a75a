"""Count generations that a shutdown of their worker interrupted, from the workers' logs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def handed_back(logs: Iterable[Path]) -> Counter[str]:
    """Return the number of interrupted generations by task.

    When a worker process is killed, its master stops the others too.
    """
    found: Counter[str] = Counter()
    for log in logs:
        for line in log.read_bytes().splitlines():
            if b'"stage_stopped"' in line and b'"shutdown"' in line and b'"generate"' in line:
                found[orjson.loads(line)["task_id"]] += 1
    return found
