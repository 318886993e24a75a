"""Ownership of jobs, however the database is reached: claims, heartbeats, recovery and release."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from schemas.common import JobState
from schemas.records import Completion, JobRow, Replay, StopVerdict, WorkerInfo
from tests.contracts.database_fixture import FAILURE, LEASE_S, World
from tests.contracts.record_steps import NOTHING, complete, start

if TYPE_CHECKING:
    from providers.records import Records


def worker(name: str) -> WorkerInfo:
    return WorkerInfo(worker_id=name, host="host", version=1, queues=("fetch",), slots=4)


async def claim(records: Records, row: JobRow, worker_id: str) -> JobRow:
    """Claim the job of a message; the row with the new token."""
    token = await records.workers.claim(row.task_id, row.token, worker_id=worker_id, claim_id=uuid.uuid4().hex)
    assert token is not None
    return row.model_copy(update={"token": token})


def age(world: World, seconds: float) -> None:
    """Let `seconds` pass for all leases and claims."""
    passed = f"interval '{seconds} s'"
    world.connection.execute(f"update darkroom_workers set lease_until = lease_until - {passed}".encode())
    world.connection.execute(
        f"update darkroom_dispatched set claim_by = claim_by - {passed}, claimed_at = claimed_at - {passed}".encode()
    )


class ClaimingContract:
    async def test_a_message_delivered_20_times_is_claimed_once(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        claims = [records.workers.claim(row.task_id, row.token, worker_id=f"w{n}", claim_id=f"c{n}") for n in range(20)]
        assert sorted(token for token in await asyncio.gather(*claims) if token) == [row.token + 1]

    async def test_a_claim_whose_reply_was_lost_can_be_repeated(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        for _ in range(2):
            token = await records.workers.claim(row.task_id, row.token, worker_id="w", claim_id="c")
            assert token == row.token + 1
        assert await records.workers.claim(row.task_id, row.token, worker_id="w", claim_id="d") is None

    async def test_a_claim_fences_everybody_who_had_the_job_before(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task(price=2))
        new = await claim(records, row, "w")
        assert not await records.journal(row.task_id, row.token, ["generated"], {})
        assert not await records.mark_rate_limited(row.task_id, row.token, "late")
        assert not await records.session_progress(row.task_id, row.token, 50)
        assert not await records.postpone(row.task_id, row.token, 10, "late")
        assert await records.fail(row.task_id, FAILURE, token=row.token, lease_s=LEASE_S) == NOTHING
        assert await complete(records, row) is Completion.FENCED
        assert await complete(records, new) is Completion.COMPLETED

    async def test_a_job_that_was_handed_over_is_claimed_by_the_next_worker(
        self, records: Records, world: World
    ) -> None:
        """Given workers for different stages, the message of the first is claimed by the second, once."""
        first = await claim(records, (await start(records, world.task()))[0], "w1")
        assert await records.workers.expect_claim(first.task_id, first.token, LEASE_S)
        second = await claim(records, first, "w2")
        assert not await records.workers.expect_claim(first.task_id, first.token, LEASE_S)
        assert await complete(records, first) is Completion.FENCED
        assert await complete(records, second) is Completion.COMPLETED

    async def test_a_hand_over_after_the_next_worker_has_claimed_changes_nothing(
        self, records: Records, world: World
    ) -> None:
        first = await claim(records, (await start(records, world.task()))[0], "w1")
        await claim(records, first, "w2")
        assert not await records.workers.expect_claim(first.task_id, first.token, 0)
        assert await records.workers.lost_jobs(lease_s=LEASE_S) == []


class LeasingContract:
    async def test_one_heartbeat_keeps_all_jobs_of_a_worker(self, records: Records, world: World) -> None:
        rows = [await claim(records, row, "w") for row in await start(records, *[world.task() for _ in range(3)])]
        jobs = {row.task_id: row.token for row in rows}
        for _ in range(3):
            age(world, LEASE_S * 0.7)
            assert await records.workers.heartbeat(worker("w"), jobs, lease_s=LEASE_S) == {}
        assert await records.workers.lost_jobs(lease_s=LEASE_S) == []
        age(world, LEASE_S * 1.1)
        assert {row.task_id for row in await records.workers.lost_jobs(lease_s=LEASE_S)} == set(jobs)

    async def test_a_worker_that_has_just_claimed_a_job_needs_no_heartbeat_yet(
        self, records: Records, world: World
    ) -> None:
        row = await claim(records, (await start(records, world.task()))[0], "new")
        assert await records.workers.lost_jobs(lease_s=LEASE_S) == []
        age(world, LEASE_S * 1.1)
        (lost,) = await records.workers.lost_jobs(lease_s=LEASE_S)
        assert (lost.task_id, lost.worker_id, lost.token) == (row.task_id, "new", row.token)

    async def test_the_jobs_of_a_dead_worker_are_recovered_once_and_it_learns_so(
        self, records: Records, world: World
    ) -> None:
        row = await claim(records, (await start(records, world.task()))[0], "paused")
        await records.workers.heartbeat(worker("paused"), {row.task_id: row.token}, lease_s=LEASE_S)
        age(world, LEASE_S * 1.1)
        taken = await asyncio.gather(
            *(records.workers.recover(row.task_id, row.token, max_recoveries=3, lease_s=LEASE_S) for _ in range(10))
        )
        (new,) = [found for found in taken if found]
        assert (new.token, new.recoveries) == (row.token + 1, 1)
        stopped = await records.workers.heartbeat(worker("paused"), {row.task_id: row.token}, lease_s=LEASE_S)
        assert stopped == {row.task_id: StopVerdict.LOST}
        assert await complete(records, row) is Completion.FENCED
        claimed = await claim(records, new, "other")
        assert await complete(records, claimed) is Completion.COMPLETED
        ended = await records.job(row.task_id)
        assert ended is not None
        assert ended.recoveries == 1

    async def test_a_job_is_not_recovered_once_its_worker_is_back(self, records: Records, world: World) -> None:
        """Given an expired worker, when its heartbeat comes before the recovery, then it keeps the job."""
        row = await claim(records, (await start(records, world.task()))[0], "w")
        age(world, LEASE_S * 1.1)
        await records.workers.heartbeat(worker("w"), {row.task_id: row.token}, lease_s=LEASE_S)
        assert await records.workers.recover(row.task_id, row.token, max_recoveries=3, lease_s=LEASE_S) is None

    async def test_a_job_that_is_not_claimed_in_time_is_lost(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        assert await records.workers.lost_jobs(lease_s=LEASE_S) == []
        age(world, LEASE_S * 1.1)
        (lost,) = await records.workers.lost_jobs(lease_s=LEASE_S)
        assert (lost.task_id, lost.worker_id) == (row.task_id, None)
        assert await records.workers.expect_claim(row.task_id, row.token, LEASE_S), "its message still waits"
        assert await records.workers.lost_jobs(lease_s=LEASE_S) == []

    async def test_a_job_that_its_worker_does_not_name_is_given_up(self, records: Records, world: World) -> None:
        """Given a live worker that dropped a job, or one that hangs, then another worker gets the job."""
        dropped, claiming, fresh = [
            await claim(records, row, "w") for row in await start(records, *[world.task() for _ in range(3)])
        ]
        age(world, LEASE_S * 1.1)
        world.connection.execute(
            "update darkroom_dispatched set claimed_at = now() where task_id = %s", [fresh.task_id]
        )
        assert await records.workers.heartbeat(worker("w"), {claiming.task_id: None}, lease_s=LEASE_S) == {}
        (lost,) = await records.workers.lost_jobs(lease_s=LEASE_S)
        assert (lost.task_id, lost.token) == (dropped.task_id, dropped.token)

    async def test_recoveries_are_counted_and_end(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        for number in range(2):
            age(world, LEASE_S * 1.1)
            found = await records.workers.recover(row.task_id, row.token, max_recoveries=1, lease_s=LEASE_S)
            assert found is not None
            assert (found.recoveries, found.token) == (number + 1, 2)
            row = found
        assert (await records.fail(row.task_id, FAILURE, token=row.token, lease_s=LEASE_S)).moved

    async def test_a_worker_learns_that_its_job_was_cancelled(self, records: Records, world: World) -> None:
        row = await claim(records, (await start(records, world.task()))[0], "w")
        cancelled = await records.fail(row.task_id, FAILURE, state=JobState.CANCELLED, lease_s=LEASE_S)
        assert cancelled.moved
        stopped = await records.workers.heartbeat(worker("w"), {row.task_id: row.token}, lease_s=LEASE_S)
        assert stopped == {row.task_id: StopVerdict.ENDED}
        assert await complete(records, row) is Completion.FENCED
        assert await records.outbox.enqueue(row.task_id, row.token, []) == 0
        ended = await records.job(row.task_id)
        assert ended is not None
        assert await claim(records, ended, "notifier")

    async def test_workers_are_forgotten_long_after_their_last_heartbeat(self, records: Records, world: World) -> None:
        for name in ("dead", "alive"):
            await records.workers.heartbeat(worker(name), {}, lease_s=LEASE_S)
        world.connection.execute(
            "update darkroom_workers set lease_until = now() - interval '2 h' where worker_id = 'dead'"
        )
        assert await records.workers.forget(3600) == 1
        assert world.one("select worker_id from darkroom_workers") == "alive"


class ReleasingContract:
    async def test_a_completed_job_is_lost_with_its_worker_until_it_is_released(
        self, records: Records, world: World
    ) -> None:
        rows = [await claim(records, row, "w") for row in await start(records, *[world.task() for _ in range(2)])]
        for row in rows:
            await complete(records, row)
        age(world, LEASE_S * 1.1)
        assert len(await records.workers.lost_jobs(lease_s=LEASE_S)) == 2
        jobs = {row.task_id: row.token for row in rows}
        assert await records.workers.release({rows[0].task_id: rows[0].token - 1}) == 0
        assert await records.workers.release(jobs) == 2
        assert await records.workers.release(jobs) == 0
        assert await records.workers.lost_jobs(lease_s=LEASE_S) == []

    async def test_a_running_job_is_not_released(self, records: Records, world: World) -> None:
        (row,) = await start(records, world.task())
        assert await records.workers.release({row.task_id: row.token}) == 0
        assert await complete(records, row) is Completion.COMPLETED

    async def test_a_released_job_never_gets_an_old_token_again(self, records: Records, world: World) -> None:
        """Given a failed job that was notified by another worker, when it is replayed, its tokens go on."""
        row = await claim(records, (await start(records, world.task(world.user(5))))[0], "w1")
        await records.fail(row.task_id, FAILURE, token=row.token, lease_s=LEASE_S)
        notified = await claim(records, row, "w2")
        await records.outbox.enqueue(notified.task_id, notified.token, [])
        assert await records.replay(row.task_id) is Replay.REPLAYED
        (again,) = await records.dispatch(limit=5, max_in_flight=5, lease_s=LEASE_S)
        assert again.token > notified.token
