from __future__ import annotations

import concurrent.futures
import json
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.http.conftest import Service, balance, give_credits
from tests.integration.http.orders import generation_order, pushed_tasks
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("flush_redis")


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"IMAGES_PRICE_CREDITS": "3"}


def test_a_generation_is_charged_created_and_pushed(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str, shopper: str
) -> None:
    accessories = [{"type": "hat", "url": "https://p.example/h.png"}]
    body = generation_order(shopper, outfit_image_url="https://p.example/o.jpg", accessories=accessories, prompt="Blue")
    answer = client.post("/generations", json=body, headers={"X-Request-ID": "req_mine"})
    assert answer.status_code == 202
    told = answer.json()
    row = database.execute(
        "select user_id, status, model_image_url, outfit_image_url, accessories, prompt_system, credits_used"
        " from generation_sessions where id = %s",
        [told["session_id"]],
    ).fetchone()
    assert row == (
        shopper, "queued", "https://p.example/m.jpg", "https://p.example/o.jpg", accessories, "Blue", 1,
    )  # fmt: skip
    assert balance(database, shopper) == 4
    (task,) = pushed_tasks(redis_url)
    assert task["image_urls"] == ["https://p.example/m.jpg", "https://p.example/o.jpg", "https://p.example/h.png"]
    assert (task["task_id"], task["session_id"]) == (told["task_id"], told["session_id"])
    assert (task["user_id"], task["request_id"], task["version"]) == (shopper, "req_mine", 1)
    assert answer.headers["X-Request-ID"] == told["request_id"] == "req_mine"


def test_a_charge_is_counted(client: httpx.Client, shopper: str) -> None:
    def charged() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith('darkroom_credits_total{kind="charge"}')
        )

    before = charged()
    assert client.post("/generations", json=generation_order(shopper)).status_code == 202
    assert charged() == before + 1


def test_a_store_is_charged_for_its_own_generations(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str
) -> None:
    store_id = str(uuid.uuid4())
    give_credits(database, store_id, 2, store=True)
    body = {
        "channel": "b2b", "store_id": store_id, "model_image_url": "https://p.example/m.jpg", "shopper_email": "a@b.c"
    }  # fmt: skip
    told = client.post("/generations", json=body).json()
    row = database.execute(
        "select store_id, status, shopper_email, request_id from store_generation_sessions where id = %s",
        [told["session_id"]],
    ).fetchone()
    assert row == (store_id, "queued", "a@b.c", told["request_id"])
    assert balance(database, store_id, store=True) == 1
    assert pushed_tasks(redis_url)[0]["store_id"] == store_id


def test_without_credits_the_answer_is_402_with_the_balance_and_nothing_changes(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str, shopper: str
) -> None:
    give_credits(database, shopper, 0)
    answer = client.post("/generations", json=generation_order(shopper), headers={"Idempotency-Key": "poor"})
    assert answer.status_code == 402
    assert (answer.json()["code"], answer.json()["balance"]) == ("no_credits", 0)
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = database.execute("select count(*) from generation_sessions where user_id = %s", [shopper]).fetchone()
    assert found == (0,)
    assert pushed_tasks(redis_url) == []
    give_credits(database, shopper, 1)
    assert (
        client.post("/generations", json=generation_order(shopper), headers={"Idempotency-Key": "poor"}).status_code
        == 202
    )


def test_a_repeated_call_gets_the_first_answer_and_is_charged_once(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str, shopper: str
) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/generations", json=generation_order(shopper), headers=headers)
    second = client.post("/generations", json=generation_order(shopper), headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() | {"events_url": ""} == second.json() | {"events_url": ""}
    assert second.headers["Idempotency-Replayed"] == "true"
    assert balance(database, shopper) == 4
    assert len(pushed_tasks(redis_url)) == 1


def test_an_idempotency_key_of_another_request_is_refused(client: httpx.Client, shopper: str) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    client.post("/generations", json=generation_order(shopper), headers=headers)
    answer = client.post("/generations", json=generation_order(shopper, prompt="Red"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_twenty_concurrent_identical_calls_create_one_generation(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str, shopper: str
) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: client.post("/generations", json=generation_order(shopper), headers=headers), range(20))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["session_id"] for answer in answers}) == 1
    assert balance(database, shopper) == 4
    assert len(pushed_tasks(redis_url)) == 1


def test_twenty_concurrent_calls_with_five_credits_create_five_generations(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("/generations", json=generation_order(shopper)), range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [402] * 15
    assert balance(database, shopper) == 0


def test_all_faults_of_a_body_are_reported_together(client: httpx.Client) -> None:
    body = {"channel": "b2x", "model_image_url": "ftp://x", "accessories": [{"type": "a\0b"}]}
    answer = client.post("/generations", json=body)
    assert answer.status_code == 422
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers == {"#/channel", "#/model_image_url", "#/accessories/0/type", "#/accessories/0/url"}


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"prompt": "\\ud800"}'])
def test_a_body_that_is_not_json_is_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/generations", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "no_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1", b"[" * 100 + b"]" * 100])
def test_json_of_another_shape_is_422(client: httpx.Client, body: bytes) -> None:
    assert client.post("/generations", content=body).status_code == 422


def test_a_photo_is_pushed_with_new_ids(client: httpx.Client, redis_url: str) -> None:
    body = {"user_id": "u1", "scene_description": "A beach", "avatar": {"id": "a1", "name": None}}
    told = client.post("/photos", json=body).json()
    (task,) = pushed_tasks(redis_url, "ava:tasks:photo")
    assert (task["job_id"], task["user_id"], task["channel"]) == (told["job_id"], "u1", "web")
    assert told["task_id"] == told["job_id"]
    assert told["credits_used"] == 0


def test_a_batch_is_charged_once_at_its_price(
    client: httpx.Client, database: psycopg.Connection[Any], redis_url: str, shopper: str
) -> None:
    body = {"workspace_id": "w1", "user_id": shopper, "product_id": "p1", "prompt": "Mug", "style_id": "luxury"}
    told = client.post("/images", json=body).json()
    row = database.execute(
        "select workspace_id, user_id, product_id, task_id, style_id, status, progress"
        " from image_generation_jobs where id = %s",
        [told["job_id"]],
    ).fetchone()
    assert row == ("w1", shopper, "p1", told["task_id"], "luxury", "pending", 0)
    assert balance(database, shopper) == 2
    (task,) = pushed_tasks(redis_url, "studio:tasks:images")
    assert (task["job_id"], task["count"], task["prompt"]) == (told["job_id"], 4, "Mug")


def test_a_new_task_can_be_read_before_it_is_ingested(client: httpx.Client, shopper: str) -> None:
    told = client.post("/generations", json=generation_order(shopper)).json()
    state = client.get(f"/tasks/{told['task_id']}").json()
    assert (state["status"], state["progress"], state["message"]) == ("pending", 0, "Queued")
    assert state["session_id"] == told["session_id"]


def test_an_id_that_the_database_can_not_hold_is_422(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    database.execute("alter table image_generation_jobs alter column product_id type uuid using null")
    body = {"workspace_id": "w1", "user_id": shopper, "product_id": "no-uuid", "prompt": "Mug", "style_id": "warm"}
    answer = client.post("/images", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_id")
    assert balance(database, shopper) == 5


def test_a_disconnected_caller_leaves_no_charge_without_a_task(
    service: Service, database: psycopg.Connection[Any], redis_url: str, shopper: str
) -> None:
    body = json.dumps(generation_order(shopper)).encode()
    head = f"POST /generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for _ in range(5):
        with service.connect() as connection:
            connection.sendall(head + body)

    def consistent() -> bool:
        made = database.execute("select id from generation_sessions where user_id = %s", [shopper]).fetchall()
        tasks = {(task["session_id"],) for task in pushed_tasks(redis_url)}
        return len(made) == 5 - balance(database, shopper) and set(made) == tasks

    wait_until(consistent, "as many charges as tasks")


def test_an_order_is_logged_with_its_request_id_and_without_its_query(service: Service, shopper: str) -> None:
    client = service.client()
    told = client.post(
        "/generations", json=generation_order(shopper, prompt="secret wish"), headers={"X-Request-ID": "req_log"}
    ).json()
    client.get(f"/tasks/{told['task_id']}?marker=in-the-query")
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "req_log" and line["event"] == "http_request"]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/generations", 202)
    assert "secret wish" not in service.log.read_text()
    assert "in-the-query" not in service.log.read_text()
