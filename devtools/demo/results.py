"""Collect the results of tasks from the database, as a back end would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from devtools.demo.chat import chat_message_of
from devtools.demo.task import DemoTask, Result
from schemas.records import JobRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import psycopg

    from commands.progress_bars import ProgressBars

#: Timeout of the download of a finished picture, seconds.
DOWNLOAD_S = 20.0
#: Links of the local storage are loopback URLs: bypass proxies.
DIRECT = {"all://127.0.0.1": None}
REFUNDED = "SELECT coalesce(sum(amount), 0) FROM darkroom_ledger WHERE session_id = %s AND kind = 'refund'"


def collect(database: psycopg.Connection, tasks: Sequence[DemoTask], bars: ProgressBars, gallery: Path) -> list[Result]:
    """Return the results of the tasks, with their pictures downloaded from the links that users get.

    Args:
        database: Database of jobs and sessions.
        tasks: The sent tasks.
        bars: Progress bars with the events of the tasks.
        gallery: Folder to download into.
    """
    folder = gallery / "results"
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client(timeout=DOWNLOAD_S, mounts=DIRECT) as client:
        return [_result(database, client, task, bars.stages_s(number), folder) for number, task in enumerate(tasks)]


def _result(
    database: psycopg.Connection, client: httpx.Client, task: DemoTask, stages_s: dict[str, float], folder: Path
) -> Result:
    chat_message = chat_message_of(database, task)
    found = database.execute("SELECT to_jsonb(j) FROM darkroom_jobs j WHERE task_id = %s", [task.task_id]).fetchone()
    refunded = database.execute(REFUNDED, [task.session_id]).fetchone()
    job = JobRow.model_validate(found[0]) if found else None
    targets = [(url, folder / f"{task.task_id}-{number}.jpg") for number, url in enumerate(_urls(job))]
    for url, target in targets:
        target.write_bytes(client.get(url).raise_for_status().content)
    return Result(
        task=task,
        job=job,
        refunded=int(refunded[0]) if refunded else 0,
        stages_s=stages_s,
        pictures=tuple(target for _, target in targets),
        chat_message=chat_message,
    )


def _urls(job: JobRow | None) -> list[str]:
    return [str(picture["url"]) for picture in (job.outcome or {}).get("pictures", [])] if job else []
