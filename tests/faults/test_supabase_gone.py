"""Outages of a Supabase that holds records and pictures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from commands.migrate import make_buckets
from devtools.supabase_emulator import LocalSupabase
from tests.faults.deployment import Deployment, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def supabase(deployment: Deployment) -> Iterator[LocalSupabase]:
    with LocalSupabase(deployment.database_url, deployment.data_dir / "supabase.log") as server:
        asyncio.run(make_buckets(server.url, server.service_role_key))
        deployment.env = server.environment()
        yield server


@pytest.mark.parametrize("stage", ["fetch", "generate", "upload"])
def test_nothing_is_lost_when_supabase_is_killed_during_a_run(
    deployment: Deployment, supabase: LocalSupabase, stage: str
) -> None:
    """Given 40 sessions in flight, when Supabase is killed and comes back, then all are completed and paid once."""
    worker = deployment.start_worker()
    tasks = deployment.new_tasks(40)
    deployment.push_until(tasks, stage)
    supabase.kill()
    wait_for(lambda: b"ConnectError" in worker.log.read_bytes(), what="a failed call")
    supabase.start()
    assert deployment.settle(tasks, timeout_s=120) == {"completed": 40}
    assert worker.alive
    stored = deployment.database.execute(
        "select count(*) from storage.objects where name = any(%s)",
        ([f"generated/{task.user_id}/{task.session_id}.jpg" for task in tasks],),
    ).fetchone()
    assert stored == (40,)


def test_tasks_pushed_during_an_outage_complete_after_it(deployment: Deployment, supabase: LocalSupabase) -> None:
    worker = deployment.start_worker()
    supabase.kill()
    tasks = deployment.run(10)
    wait_for(lambda: b"ConnectError" in worker.log.read_bytes(), what="a failed call")
    supabase.start()
    assert deployment.settle(tasks, timeout_s=120) == {"completed": 10}
