from __future__ import annotations

import asyncio
import math
import threading
import time

import pytest

from pipelines.engine.running_jobs import RunningJobs, StopReason
from pipelines.retrying.stage_context import time_limits_paused
from schemas.common import StageName


def test_a_tracked_job_is_seen_from_other_threads_until_it_ends() -> None:
    running_jobs = RunningJobs()
    with running_jobs.track("t1", StageName.FETCH):
        seen: list[str] = []
        thread = threading.Thread(target=lambda: seen.extend(job.task_id for job in running_jobs.snapshot()))
        thread.start()
        thread.join()
        assert seen == ["t1"]
    assert running_jobs.snapshot() == []


def test_the_hard_limit_is_paused_between_stages_too() -> None:
    """Given nested writes outside the time limit of a stage, the hard limit counts again only after the outer one."""
    with RunningJobs().track("t1", StageName.GENERATE) as running_job:
        with time_limits_paused():
            with time_limits_paused():
                assert running_job.stage_started == math.inf
            assert running_job.stage_started == math.inf
        assert running_job.stage_started <= time.monotonic()


async def test_a_cancellation_from_another_thread_cancels_the_stage() -> None:
    with RunningJobs().track("t1", StageName.GENERATE) as running_job:

        async def stage() -> None:
            running_job.bind_task()
            await asyncio.sleep(60)

        task = asyncio.create_task(stage())
        await asyncio.sleep(0)
        await asyncio.to_thread(running_job.cancel, StopReason.ENDED)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running_job.stop_reason is StopReason.ENDED


async def test_a_job_cancelled_before_its_stage_began_never_begins_it() -> None:
    with RunningJobs().track("t1", StageName.GENERATE) as running_job:
        running_job.cancel(StopReason.LOST)

        async def stage() -> str:
            running_job.bind_task()
            await asyncio.sleep(60)
            return "made"

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(stage())


async def test_only_the_first_reason_counts() -> None:
    with RunningJobs().track("t1", StageName.GENERATE) as running_job:
        running_job.cancel(StopReason.SHUTDOWN)
        running_job.cancel(StopReason.OVERDUE)
        assert running_job.stop_reason is StopReason.SHUTDOWN


async def test_a_cancellation_after_the_stage_has_ended_cancels_nothing_else() -> None:
    with RunningJobs().track("t1", StageName.UPLOAD) as running_job:
        running_job.bind_task()
        running_job.unbind_task()
        running_job.cancel(StopReason.LOST)
        await asyncio.sleep(0)
