from __future__ import annotations

import json
import threading
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.http.conftest import balance, give_credits
from tests.integration.http.orders import generation_order, pushed_tasks
from tests.waiting import LIMIT_S, wait_until

pytestmark = pytest.mark.usefixtures("flush_redis")


def offered(redis_url: str, told: dict[str, Any], shopper: str) -> dict[str, Any]:
    """The job row of an order's pushed task."""
    (payload,) = [task for task in pushed_tasks(redis_url) if task["task_id"] == told["task_id"]]
    return {
        "task_id": told["task_id"], "product": "tryon", "session_id": told["session_id"], "owner_id": shopper,
        "user_id": shopper, "channel": "b2c", "request_id": "r", "payload": payload,
    }  # fmt: skip


def wait_for_lock(database: psycopg.Connection[Any], function: str) -> None:
    query = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like %s"
    wait_until(lambda: database.execute(query, [f"select {function}(%"]).fetchone() == (1,), "the wait for a lock")


def test_an_order_whose_task_is_started_while_it_is_undone_is_not_undone(
    client: httpx.Client, database: psycopg.Connection[Any], database_url: str, redis_url: str, shopper: str
) -> None:
    told = client.post("/generations", json=generation_order(shopper), headers={"Idempotency-Key": shopper}).json()
    answers: list[Any] = []

    def undo() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            row = other.execute("select darkroom_cancel_order(%s, 'Lost')", [told["task_id"]]).fetchone()
            answers.append(row[0] if row else None)

    with psycopg.connect(database_url) as worker:
        worker.execute("select darkroom_accept(%s)", [json.dumps([offered(redis_url, told, shopper)])])
        worker.execute("select darkroom_dispatch(10, 10, 60)")
        undoing = threading.Thread(target=undo)
        undoing.start()
        wait_for_lock(database, "darkroom_cancel_order")
        worker.commit()
        undoing.join(LIMIT_S)
    assert answers == [{"ended": False, "refunded": 0}]
    assert balance(database, shopper) == 4
    again = client.post("/generations", json=generation_order(shopper), headers={"Idempotency-Key": shopper})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["task_id"] == told["task_id"]
    assert client.get(f"/tasks/{told['task_id']}").json()["status"] == "pending"


def test_no_signed_link_is_stored_and_a_repeated_answer_gets_fresh_ones(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/generations", json=generation_order(shopper), headers=headers).json()
    stored = database.execute("select answer::text from darkroom_requests where task_id = %s", [first["task_id"]])
    assert "http" not in str(stored.fetchone())
    # An order of an earlier version has an answer with a link that is dead by now.
    old = json.dumps(first | {"events_url": "http://old.example/tasks/events?expires=1&signature=0"})
    database.execute("update darkroom_requests set answer = %s where task_id = %s", [old, first["task_id"]])
    again = client.post("/generations", json=generation_order(shopper), headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == again.json()["status_url"]
    assert again.json() | {"events_url": ""} == first | {"events_url": ""}
    with client.stream("GET", again.json()["events_url"], headers={"Authorization": ""}) as events:
        assert events.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example", ""]
)
def test_without_tokens_only_calls_to_names_of_this_machine_are_accepted(client: httpx.Client, host: str) -> None:
    for path in ("/generations", "/tasks/t1", "/metrics"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (403, "host_refused")
    assert client.get("/health/live", headers={"Host": host}).status_code == 200


def test_links_use_the_forwarded_port_of_this_machine(client: httpx.Client, shopper: str) -> None:
    told = client.post("/generations", json=generation_order(shopper), headers={"Host": "localhost:3000"}).json()
    assert told["status_url"] == f"http://localhost:3000/tasks/{told['task_id']}"


def test_a_dns_rebinding_page_may_not_order(client: httpx.Client, shopper: str) -> None:
    for host, code in (("evil.example", "host_refused"), ("localhost", "origin_refused")):
        headers = {"Host": host, "Origin": "http://evil.example"}
        answer = client.post("/generations", json=generation_order(shopper), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, code)


def test_without_credits_the_answer_says_how_to_get_some(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    give_credits(database, shopper, 0)
    answer = client.post("/generations", json=generation_order(shopper))
    assert answer.status_code == 402
    assert f"`python manage.py credits add {shopper}" in answer.json()["detail"]


@pytest.mark.parametrize("prompt", ["the text \\u0000 of six characters", "a backslash before it \\\\u0000"])
def test_a_text_that_contains_a_literal_backslash_escape_is_accepted(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str, shopper: str, prompt: str
) -> None:
    answer = client.post("/generations", json=generation_order(shopper, prompt=prompt))
    assert answer.status_code == 202
    row = database.execute(
        "select prompt_system from generation_sessions where id = %s", [answer.json()["session_id"]]
    ).fetchone()
    assert row == (prompt,)
    task = json.dumps([offered(redis_url, answer.json(), shopper)])
    assert database.execute("select darkroom_accept(%s)", [task]).fetchone() == (
        {answer.json()["task_id"]: "accepted"},
    )


def test_a_text_with_a_null_character_is_refused(client: httpx.Client, shopper: str) -> None:
    answer = client.post("/generations", json=generation_order(shopper, prompt="a\0b"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/prompt")
