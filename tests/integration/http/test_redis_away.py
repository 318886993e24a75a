from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from commands.local.embedded import Embedded
from tests.integration.http.conftest import Service, balance, give_credits, serving


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A Valkey that can be taken away without harm to others."""
    folder = tmp_path_factory.mktemp("away")
    with Embedded(folder, ephemeral=True, postgres=False) as embedded:
        yield embedded


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, own_valkey: Embedded, database_url: str) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("http")
    settings = {"REDIS_URL": own_valkey.redis_url or "", "DATABASE_URL": database_url, "AVATAR_PRICE_CREDITS": "2"}
    with serving(folder, API_TOKEN="a-token-with-all-scopes", **settings) as running:
        yield running


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client("a-token-with-all-scopes")


@pytest.fixture(params=["frozen", "gone"])
def away(own_valkey: Embedded, request: pytest.FixtureRequest) -> Iterator[str]:
    assert own_valkey.valkey
    if request.param == "frozen":
        os.kill(own_valkey.valkey.pid, signal.SIGSTOP)
        yield request.param
        os.kill(own_valkey.valkey.pid, signal.SIGCONT)
    else:
        own_valkey.valkey.kill()
        yield request.param
        own_valkey.valkey.start()


def generation(user_id: str) -> dict[str, Any]:
    return {"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg"}


@pytest.mark.usefixtures("away")
def test_the_order_is_refunded_and_failed_and_answered_with_503(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 3)
    answer = client.post("/generations", json=generation(user_id), headers={"Idempotency-Key": user_id})
    assert answer.status_code == 503
    assert answer.json()["detail"] == "Generation service temporarily unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert balance(database, user_id) == 3
    rows = database.execute(
        "select status, error_message from generation_sessions where user_id = %s", [user_id]
    ).fetchall()
    assert rows == [("failed", "Redis queue unavailable")]


@pytest.mark.usefixtures("away")
def test_a_photo_without_a_session_row_is_refunded_as_well(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 3)
    body = {"user_id": user_id, "scene_description": "A beach", "avatar": {"id": "a1"}}
    assert client.post("/photos", json=body).status_code == 503
    assert balance(database, user_id) == 3
    found = database.execute("select state, failure ->> 'message' from darkroom_jobs where user_id = %s", [user_id])
    assert found.fetchall() == [("failed", "Redis queue unavailable")]


def test_a_push_that_arrives_after_its_timeout_is_not_run(
    client: httpx.Client, database: psycopg.Connection[Any], own_valkey: Embedded
) -> None:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 3)
    assert own_valkey.valkey
    assert client.get("/health").json()["redis_connected"]  # so that a connection is open
    os.kill(own_valkey.valkey.pid, signal.SIGSTOP)
    body = {"user_id": user_id, "scene_description": "A beach", "avatar": {"id": "a1"}}
    answer = client.post("/photos", json=body)
    os.kill(own_valkey.valkey.pid, signal.SIGCONT)
    assert answer.status_code == 503
    # The job row keeps the task as it was to be pushed; a push whose reply was lost brings the same.
    row = database.execute("select payload from darkroom_jobs where user_id = %s", [user_id]).fetchone()
    assert row is not None
    task = row[0]
    accepted = {
        "task_id": task["job_id"], "product": "avatar", "session_id": task["job_id"], "owner_id": user_id,
        "user_id": user_id, "channel": "web", "request_id": task["request_id"], "payload": task,
    }  # fmt: skip
    verdicts = database.execute("select darkroom_accept(%s)", [json.dumps([accepted])]).fetchone()
    assert verdicts == ({task["job_id"]: "duplicate"},)
    assert balance(database, user_id) == 3


def test_a_call_refused_during_a_redis_outage_can_be_repeated_with_its_key(
    client: httpx.Client, database: psycopg.Connection[Any], own_valkey: Embedded
) -> None:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 1)
    assert own_valkey.valkey
    own_valkey.valkey.kill()
    headers = {"Idempotency-Key": user_id}
    assert client.post("/generations", json=generation(user_id), headers=headers).status_code == 503
    own_valkey.valkey.start()
    assert client.post("/generations", json=generation(user_id), headers=headers).status_code == 202
    assert balance(database, user_id) == 0


@pytest.mark.usefixtures("away")
def test_health_reports_the_outage(client: httpx.Client) -> None:
    health = client.get("/health")
    assert health.status_code == 200
    assert (health.json()["status"], health.json()["redis_connected"]) == ("degraded", False)
    assert health.json()["database_connected"] is True
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200


@pytest.mark.usefixtures("away")
def test_the_state_of_a_task_is_read_from_the_database(client: httpx.Client, database: psycopg.Connection[Any]) -> None:
    task_id = str(uuid.uuid4())
    outcome = {"pictures": [{"url": "https://files.example/1.jpg"}]}
    database.execute(
        "insert into darkroom_jobs (task_id, session_id, outcome, product, owner_id, channel, request_id, payload,"
        " state) values (%s, %s, %s, 'tryon', 'u', 'b2c', 'r', '{}', 'completed')",
        [task_id, task_id, json.dumps(outcome)],
    )
    state = client.get(f"/tasks/{task_id}").json()
    assert (state["status"], state["progress"]) == ("completed", 100)
    assert state["result_urls"] == ["https://files.example/1.jpg"]


def test_an_order_whose_process_died_before_the_push_is_undone_later(database: psycopg.Connection[Any]) -> None:
    user_id, task_id = str(uuid.uuid4()), str(uuid.uuid4())
    give_credits(database, user_id, 5)
    order = {
        "task_id": task_id, "client": "c", "fingerprint": "f", "product": "images", "channel": "workspace",
        "session_id": task_id, "owner_id": "w", "user_id": user_id, "request_id": "r", "answer": {},
    }  # fmt: skip
    made = database.execute("select darkroom_place_order(%s, '{}', 4)", [json.dumps(order)]).fetchone()
    assert made == ({"outcome": "created"},)
    assert balance(database, user_id) == 1
    lost = "select jsonb_path_query_array(darkroom_lost_orders(900, 500), '$[*].task_id')"
    assert database.execute(lost).fetchone() == ([],)
    database.execute(
        "update darkroom_requests set created_at = now() - interval '1 hour' where task_id = %s", [task_id]
    )
    assert database.execute(lost).fetchone() == ([task_id],)
    cancelled = [database.execute("select darkroom_cancel_order(%s, 'Lost')", [task_id]).fetchone() for _ in range(2)]
    assert cancelled == [({"ended": True, "refunded": 4},), ({"ended": True, "refunded": 0},)]
    assert database.execute(lost).fetchone() == ([],)
    assert balance(database, user_id) == 5
    rows = database.execute("select status from image_generation_jobs where id = %s", [task_id]).fetchall()
    assert rows == [("failed",)]
