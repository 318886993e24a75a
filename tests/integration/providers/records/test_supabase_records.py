from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import jwt
import pytest

from providers.records import Records
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.supabase import SupabaseRpc
from schemas.common import JobState
from schemas.errors import Invalid
from tests.answering import Answering, page
from tests.contracts.database_fixture import FAILURE, LEASE_S
from tests.contracts.record_steps import complete, start
from tests.contracts.records import RecordsContract
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from devtools.supabase_emulator import LocalSupabase
    from tests.contracts.database_fixture import World


class TestSupabaseRecords(RecordsContract):
    @pytest.fixture
    async def rpc(self, local_supabase: LocalSupabase) -> AsyncIterator[SupabaseRpc]:
        opened = SupabaseRpc(local_supabase.url, local_supabase.service_role_key)
        yield opened
        await opened.aclose()


async def refusal(url: str, key: str) -> DatabaseRefused:
    rpc = SupabaseRpc(url, key)
    with pytest.raises(DatabaseRefused) as refused:
        await rpc.call("darkroom_job_counts")
    await rpc.aclose()
    assert key not in str(refused.value)
    return refused.value


async def test_the_public_key_has_no_rights(local_supabase: LocalSupabase) -> None:
    found = await refusal(local_supabase.url, local_supabase.anon_key)
    assert found.error_code == "key_refused"
    assert "is not the service role's" in str(found)


@pytest.mark.parametrize("key", ["nonsense", jwt.encode({"role": "service_role"}, "another" * 8, "HS256")])
async def test_a_key_of_another_project_is_refused(local_supabase: LocalSupabase, key: str) -> None:
    found = await refusal(local_supabase.url, key)
    assert (found.error_code, found.retryable) == ("key_refused", False)
    assert "SUPABASE_SERVICE_ROLE_KEY is not accepted" in str(found)


async def test_an_invalid_url_is_refused_before_any_request() -> None:
    with pytest.raises(Invalid) as refused:
        SupabaseRpc("localhost", "key")
    assert refused.value.error_code == "supabase_url"


async def ask(answer: bytes | None, *, calls: int = 1, timeout_s: float = 5.0) -> tuple[Answering, list[object]]:
    """Return the results of concurrent calls to a server with this response."""
    async with Answering(answer) as server:
        rpc = SupabaseRpc(server.url, "key", timeout_s=timeout_s, max_connections=4)
        found: list[object] = await asyncio.gather(
            *(rpc.call("darkroom_ping") for _ in range(calls)), return_exceptions=True
        )
        await rpc.aclose()
    return server, found


@pytest.mark.parametrize(
    "answer",
    [
        page("502 Bad Gateway", b'{"message": "An invalid response was received from the upstream server"}'),
        page("503 Service Unavailable", b'{"code": "PGRST002", "message": "Could not query the database"}'),
        page("500 Internal Server Error", b'{"code": "57014", "message": "canceling statement due to timeout"}'),
        page("405 Method Not Allowed", b'{"code": "25006", "message": "read-only transaction"}'),
        page("400 Bad Request", b'{"code": "40P01", "message": "deadlock detected"}'),
        page("400 Bad Request", b'{"code": "40001", "message": "could not serialize access"}'),
        page("400 Bad Request", b'{"code": "55P03", "message": "canceling statement due to lock timeout"}'),
        page("400 Bad Request", b'{"code": "53300", "message": "too many connections"}'),
        page("429 Too Many Requests", b"{}"),
        page("522 Connection Timed Out", b"<html>", "text/html"),
        page("200 OK", b"<html>Please log in</html>", "text/html"),
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
        b"nonsense\r\n\r\n",
    ],
)
async def test_temporary_failures_are_retryable(answer: bytes) -> None:
    _, (error,) = await ask(answer, timeout_s=0.5)
    assert isinstance(error, DatabaseUnavailable)
    assert error.retryable


@pytest.mark.parametrize(
    "answer",
    [
        page("401 Unauthorized", b'{"message": "Invalid API key", "hint": "Double check your API key."}'),
        page("404 Not Found", b"<html>", "text/html"),
        page("301 Moved Permanently", b""),
        page("400 Bad Request", b'{"code": "P0001", "message": "no"}'),
    ],
)
async def test_refusals_are_not_retryable(answer: bytes) -> None:
    _, (error,) = await ask(answer)
    assert isinstance(error, DatabaseRefused)


async def test_a_silent_server_is_abandoned_at_the_deadline() -> None:
    async with asyncio.timeout(LIMIT_S):
        _, (error,) = await ask(None, timeout_s=0.3)
    assert isinstance(error, DatabaseUnavailable)


async def test_connections_are_kept_and_bounded() -> None:
    server, found = await ask(page("200 OK", b"true"), calls=40)
    assert found == [True] * 40
    assert (server.requests, server.connections) == (40, 4)


async def test_killing_the_server_during_a_run_loses_nothing(local_supabase: LocalSupabase, world: World) -> None:
    """Jobs are started, worked on and settled by loops that repeat what failed, as the workers do."""
    users = [world.user(0) for _ in range(4)]
    tasks = [world.task(user) for user in users for _ in range(10)]
    rpc = SupabaseRpc(local_supabase.url, local_supabase.service_role_key, timeout_s=5)
    records = Records(rpc)
    failures = 0
    killed = asyncio.Event()

    async def settle(number: int, task_id: str, token: int) -> None:
        nonlocal failures
        while True:
            try:
                row = await records.job(task_id)
                assert row is not None
                if row.state.terminal:
                    return
                if number % 2:
                    await complete(records, row)
                else:
                    await records.fail(task_id, FAILURE, token=token, lease_s=LEASE_S)
            except DatabaseUnavailable:
                failures += 1
                await killed.wait()

    rows = await start(records, *tasks)
    assert len(rows) == 40
    work = [asyncio.create_task(settle(number, row.task_id, row.token)) for number, row in enumerate(rows)]
    await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(local_supabase.kill)
    with pytest.raises(DatabaseUnavailable):
        await records.job_counts()
    await asyncio.to_thread(local_supabase.start)
    killed.set()
    await asyncio.gather(*work)
    counts = await records.job_counts()
    await records.aclose()
    assert failures > 0
    assert (counts[JobState.COMPLETED], counts[JobState.FAILED]) == (20, 20)
    assert sum(world.balance(user) for user in users) == 20
    assert world.refunds() == 20
