from __future__ import annotations

import asyncio
import threading

import pytest

from pipelines.engine.running_jobs import RunningJobs, StopReason
from schemas.common import StageName


def test_what_is_tracked_is_seen_from_other_threads_until_it_ends() -> None:
    registry = RunningJobs()
    with registry.track("t1", 1, StageName.FETCH):
        seen: list[str] = []
        thread = threading.Thread(target=lambda: seen.extend(item.task_id for item in registry.snapshot()))
        thread.start()
        thread.join()
        assert seen == ["t1"]
    assert registry.snapshot() == []


async def test_a_halt_from_another_thread_cancels_the_work() -> None:
    with RunningJobs().track("t1", 1, StageName.GENERATE) as work:

        async def generation() -> None:
            work.attach()
            await asyncio.sleep(60)

        task = asyncio.create_task(generation())
        await asyncio.sleep(0)
        await asyncio.to_thread(work.halt, StopReason.ENDED)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert work.stop is StopReason.ENDED


async def test_work_halted_before_it_began_never_begins() -> None:
    with RunningJobs().track("t1", 1, StageName.GENERATE) as work:
        work.halt(StopReason.LOST)

        async def generation() -> str:
            work.attach()
            await asyncio.sleep(60)
            return "made"

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(generation())


async def test_the_first_reason_counts() -> None:
    with RunningJobs().track("t1", 1, StageName.GENERATE) as work:
        work.halt(StopReason.SHUTDOWN)
        work.halt(StopReason.OVERDUE)
        assert work.stop is StopReason.SHUTDOWN


async def test_a_halt_after_the_work_is_done_reaches_nothing_else() -> None:
    with RunningJobs().track("t1", 1, StageName.UPLOAD) as work:
        work.attach()
        work.detach()
        work.halt(StopReason.LOST)
        await asyncio.sleep(0)
