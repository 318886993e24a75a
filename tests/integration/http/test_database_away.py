from __future__ import annotations

import concurrent.futures
import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import redis

from commands.local.embedded import Embedded
from commands.local.embedded.postgres import Postgres
from providers.records.migrate import migrate
from tests.integration.http.conftest import ROOT, Service, balance, give_credits, serving
from tests.integration.http.orders import GENERATIONS, generation_order, pushed_tasks
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("flush_redis")
#: More than the deadline of a database call: a client that waited for longer fails its test.
CLIENT_TIMEOUT_S = 8.0
#: A frozen server would not do: whether it had received the whole call depends on the driver's prepared statements.
HOLD_CHARGES = """
create function hold_charge() returns trigger language plpgsql as $$
begin
  loop
    begin
      perform pg_advisory_xact_lock(1);
      return new;
    exception when query_canceled then
      null;
    end;
  end loop;
end $$;
create trigger hold_charge after insert on darkroom_ledger for each row when (new.kind = 'charge')
  execute function hold_charge();
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that can be taken away without harm to others."""
    folder = tmp_path_factory.mktemp("away")
    folder.chmod(0o711)
    with Embedded(folder, ephemeral=True, valkey=False) as embedded:
        assert embedded.postgres
        migrate(embedded.postgres.url)
        yield embedded.postgres


@pytest.fixture(scope="module")
def database_url(postgres: Postgres) -> str:
    return postgres.url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, redis_url: str, database_url: str) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("http"), REDIS_URL=redis_url, DATABASE_URL=database_url) as running:
        yield running


@pytest.fixture
def client(service: Service) -> httpx.Client:
    client = service.client()
    client.timeout = httpx.Timeout(CLIENT_TIMEOUT_S)
    return client


@pytest.fixture
def shopper(postgres: Postgres) -> str:
    user_id = str(uuid.uuid4())
    with psycopg.connect(postgres.url, autocommit=True) as database:
        give_credits(database, user_id, 30)
    return user_id


def order(client: httpx.Client, user_id: str, **headers: str) -> httpx.Response:
    return client.post("/generations", json=generation_order(user_id), headers=headers)


def many(client: httpx.Client, user_id: str, count: int) -> list[httpx.Response]:
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: order(client, user_id), range(count)))


def unavailable(answer: httpx.Response) -> bool:
    assert int(answer.headers["Retry-After"]) > 0
    return (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


@contextlib.contextmanager
def unanswered_charges(database: psycopg.Connection[Any]) -> Iterator[None]:
    """Hold each charge, also after the service has cancelled the call; on leaving, the charges commit."""
    database.execute("select pg_advisory_lock(1)")
    database.execute(HOLD_CHARGES)
    try:
        yield
    finally:
        database.execute("select pg_advisory_unlock(1)")
        database.execute("drop function hold_charge cascade")


def wait_for_the_charge(database: psycopg.Connection[Any], user_id: str, expected: int) -> None:
    wait_until(lambda: balance(database, user_id) == expected, "the charge")


def test_orders_and_reads_are_answered_503_while_the_database_is_frozen_and_work_again_after_it(
    client: httpx.Client, postgres: Postgres, shopper: str
) -> None:
    assert {answer.status_code for answer in many(client, shopper, 8)} == {202}  # all connections are open
    postgres.pause()
    try:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            asked = [pool.submit(order, client, shopper) for _ in range(10)]
            asked += [pool.submit(client.get, "/generations") for _ in range(5)]
            asked += [pool.submit(client.get, f"/tasks/{uuid.uuid4()}") for _ in range(5)]
            answers = [future.result() for future in asked]
        ready = client.get("/health/ready").status_code
    finally:
        postgres.resume()
    assert all(unavailable(answer) for answer in answers)
    assert ready == 503
    assert order(client, shopper).status_code == 202
    assert client.get("/generations").status_code == 200


def test_no_order_is_refused_once_a_restarted_database_answers(
    client: httpx.Client, postgres: Postgres, shopper: str
) -> None:
    assert {answer.status_code for answer in many(client, shopper, 8)} == {202}
    postgres.restart()
    assert [answer.status_code for answer in many(client, shopper, 20)] == [202] * 20


def test_a_repeated_call_queues_an_order_whose_charge_committed_without_an_answer(
    client: httpx.Client, postgres: Postgres, shopper: str, redis_client: redis.Redis, redis_url: str
) -> None:
    assert order(client, shopper).status_code == 202
    redis_client.delete(GENERATIONS)
    with psycopg.connect(postgres.url, autocommit=True) as database:
        with unanswered_charges(database):
            assert unavailable(order(client, shopper, **{"Idempotency-Key": shopper}))
        wait_for_the_charge(database, shopper, 28)
        told = [order(client, shopper, **{"Idempotency-Key": shopper}) for _ in range(3)]
        assert [answer.status_code for answer in told] == [202] * 3
        assert balance(database, shopper) == 28
    (task,) = pushed_tasks(redis_url)
    assert [answer.json()["task_id"] for answer in told] == [task["task_id"]] * 3
    assert [answer.json()["session_id"] for answer in told] == [task["session_id"]] * 3
    assert {answer.json()["request_id"] for answer in told} == {task["request_id"]}


def sweep(service: Service, database_url: str, redis_url: str) -> None:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(service.data_dir), "DATA_DIR": str(service.data_dir),
        "DATABASE_URL": database_url, "REDIS_URL": redis_url, "LEASE_S": "3", "STUCK_AFTER_S": "1",
    }  # fmt: skip
    command = [sys.executable, "manage.py", "sweep", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def wait_until_stuck(database: psycopg.Connection[Any], user_id: str) -> None:
    """Return when the order of this user is older than STUCK_AFTER_S."""
    query = "select count(*) from darkroom_requests where user_id = %s and created_at < now() - interval '1 second'"
    wait_until(lambda: database.execute(query, [user_id]).fetchone() == (1,), "the age of the order")


def test_an_order_without_a_key_that_was_charged_after_its_503_is_refunded_once(
    client: httpx.Client, service: Service, postgres: Postgres, redis_client: redis.Redis, redis_url: str
) -> None:
    first, shopper = str(uuid.uuid4()), str(uuid.uuid4())
    with psycopg.connect(postgres.url, autocommit=True) as database:
        for user_id in (first, shopper):
            give_credits(database, user_id, 30)
        assert order(client, first).status_code == 202
        redis_client.delete(GENERATIONS)
        with unanswered_charges(database):
            assert unavailable(order(client, shopper))
        wait_for_the_charge(database, shopper, 29)
        wait_until_stuck(database, shopper)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(sweep, service, postgres.url, redis_url) for _ in range(2)]:
                done.result()
        sweep(service, postgres.url, redis_url)
        assert balance(database, shopper) == 30
        ledger = (
            "select kind, amount from darkroom_ledger where session_id = (select id::text from generation_sessions"
            " where user_id = %s) order by kind"
        )
        assert database.execute(ledger, [shopper]).fetchall() == [("charge", 1), ("refund", 1)]
        sessions = database.execute("select status from generation_sessions where user_id = %s", [shopper]).fetchall()
        assert sessions == [("failed",)]
    assert pushed_tasks(redis_url) == []
