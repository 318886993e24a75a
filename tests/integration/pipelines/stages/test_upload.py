"""The stage `upload`: stores the pictures and completes the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from pipelines.engine.outcome import NotifyOutcome
from pipelines.engine.planning import plan_job
from pipelines.engine.runner import wrap
from pipelines.engine.running_jobs import RunningJobs
from pipelines.engine.stage_run import StageRun
from pipelines.stages.upload import upload_pictures
from providers.scratch.folder import FolderScratch
from providers.storage.local import LocalStorage
from schemas.common import StageName
from schemas.errors import Fenced
from tests.unit.pipelines.stage_runs import stage_services

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from providers.records import Records
    from schemas.job import Job
    from schemas.records import NewTask


async def test_a_job_whose_session_ended_elsewhere_is_notified_at_once(
    records: Records, database_url: str, new_task: Callable[..., NewTask], tmp_path: Path
) -> None:
    """Given a session that its producer ended meanwhile, the stage is followed by `notify`, also if repeated."""
    task = new_task()
    await records.accept([task])
    (row,) = await records.dispatch(limit=1, max_in_flight=9, lease_s=60)
    scratch, storage = FolderScratch(tmp_path / "scratch"), LocalStorage(tmp_path, b"k" * 32, "http://127.0.0.1")
    name = f"{task.task_id}/picture"
    await scratch.write(name, b"x")
    job = plan_job(row).model_copy(update={"attempt": 1})
    job = job.model_copy(update={"pictures": (job.pictures[0].model_copy(update={"scratch": name}),)})
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update generation_sessions set status = 'failed'")

    async def upload(uploaded: Job) -> Job:
        return await upload_pictures(uploaded, scratch=scratch, storage=storage, records=records)

    for _ in range(2):
        with RunningJobs().track(job.task_id, StageName.UPLOAD) as running_job:
            run = StageRun(StageName.UPLOAD, job, running_job, upload, stage_services())
            outcome = await wrap([])(run)
        assert isinstance(outcome, NotifyOutcome)
        assert outcome.job.failure is not None
        assert (outcome.job.failure.code, outcome.job.attempt) == ("session_ended", 0)
    with pytest.raises(Fenced):
        await upload(job.model_copy(update={"token": job.token + 1}))
