from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from api.tasks import hub

if TYPE_CHECKING:
    import pytest


async def test_a_failed_loop_of_the_hub_is_logged_and_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a tick that fails once, when the hub has started, then the failure is logged and the tick runs again."""
    again = asyncio.Event()
    runs: list[int] = []

    async def forever(_: Any) -> None:
        await asyncio.Event().wait()

    async def tick(_: Any) -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ZeroDivisionError
        again.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(hub.Hub, "_run", forever)
    monkeypatch.setattr(hub.Hub, "_tick", tick)
    unused: Any = None
    running = hub.Hub(unused, unused, unused)

    with structlog.testing.capture_logs() as lines:
        running.start()
        await asyncio.wait_for(again.wait(), 10)
        await running.stop()

    assert [(line["event"], line["task"]) for line in lines] == [("hub_task_failed", "tick")]
