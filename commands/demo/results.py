"""What became of the tasks, read from the database as any back end would."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from commands.demo.chat import said_about
from commands.demo.task import DemoTask, Result
from schemas.records import JobRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from commands.demo.watch import Watch

#: How long a link to a finished picture may take to answer, seconds.
DOWNLOAD_S = 20.0
REFUNDED = "SELECT coalesce(sum(amount), 0) FROM darkroom_ledger WHERE session_id = %s AND kind = 'refund'"


def collect(
    database: psycopg.Connection, tasks: Sequence[DemoTask], watch: Watch, *, storage: Path, gallery: Path
) -> list[Result]:
    """The tasks' results, with their pictures copied into the `gallery` folder.

    Args:
        database: Where the jobs and sessions are.
        tasks: What was pushed.
        watch: What the progress channel said.
        storage: The folder of the local object storage.
        gallery: The folder to copy into.
    """
    folder = gallery / "results"
    folder.mkdir(parents=True)
    return [_result(database, task, watch, storage, folder) for task in tasks]


def _result(database: psycopg.Connection, task: DemoTask, watch: Watch, storage: Path, folder: Path) -> Result:
    said = said_about(database, task)
    found = database.execute("SELECT to_jsonb(j) FROM darkroom_jobs j WHERE task_id = %s", [task.task_id]).fetchone()
    refunded = database.execute(REFUNDED, [task.session_id]).fetchone()
    job = JobRow.model_validate(found[0]) if found else None
    targets = [(url, folder / f"{task.task_id}-{number}.jpg") for number, url in enumerate(_urls(job))]
    for url, target in targets:
        _copy(url, storage, target)
    return Result(
        task=task,
        job=job,
        refunded=int(refunded[0]) if refunded else 0,
        stages_s=watch.stages_s(task.task_id),
        pictures=tuple(target for _, target in targets),
        said=said,
    )


def _urls(job: JobRow | None) -> list[str]:
    return [str(picture["url"]) for picture in (job.outcome or {}).get("pictures", [])] if job else []


def _copy(url: str, storage: Path, target: Path) -> None:
    # A link of the local storage is served by the HTTP service, which the demo does without.
    file = storage / urlsplit(url).path.removeprefix("/files/")
    if file.is_file():
        shutil.copyfile(file, target)
    else:
        target.write_bytes(httpx.get(url, timeout=DOWNLOAD_S).raise_for_status().content)
