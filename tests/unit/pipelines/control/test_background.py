from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from pipelines.control import background
from pipelines.control.background import BackgroundThread, stop_all

if TYPE_CHECKING:
    import pytest


def test_a_crashed_loop_is_restarted_and_does_not_affect_other_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "RESTART_S", 0.01)
    starts: list[str] = []
    restarted = threading.Event()

    async def crash(stopped: asyncio.Event) -> None:
        starts.append("crash")
        if starts.count("crash") < 3:
            raise ZeroDivisionError
        restarted.set()
        await stopped.wait()

    async def wait(stopped: asyncio.Event) -> None:
        starts.append("wait")
        await stopped.wait()

    thread = BackgroundThread("test", {"crash": crash, "wait": wait})
    thread.start()

    assert restarted.wait(10)
    stop_all([thread])
    assert not thread.is_alive()
    assert starts.count("wait") == 1


def test_loops_stop_by_name_and_the_thread_ends_with_the_last_one() -> None:
    ended = {"first": threading.Event(), "last": threading.Event()}

    def loop(name: str) -> background.Loop:
        async def run(stopped: asyncio.Event) -> None:
            await stopped.wait()
            ended[name].set()

        return run

    thread = BackgroundThread("test", {name: loop(name) for name in ended})
    thread.start()

    thread.stop(["first", "unknown"])
    assert ended["first"].wait(10)
    assert not ended["last"].is_set()

    thread.stop()
    thread.join(10)
    assert ended["last"].is_set()
