"""The environment of processes that tests start."""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """Return the environment without the variable by which coverage measures child processes.

    For processes that are killed, which lose their figures, and for measurements of speed.
    """
    return {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_CONFIG"}
