from __future__ import annotations

import uuid
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.http.conftest import give_credits

pytestmark = pytest.mark.usefixtures("flush_redis")


@pytest.fixture
def shopper(database: psycopg.Connection[Any]) -> str:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 100)
    return user_id


def order(client: httpx.Client, user_id: str, **more: Any) -> str:
    body = {"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg?signed=secret", **more}
    answer = client.post("/generations", json=body)
    assert answer.status_code == 202
    return str(answer.json()["session_id"])


def test_one_session_is_shown_without_its_inputs(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    session_id = order(client, shopper, prompt="A wish")
    database.execute(
        "update generation_sessions set status = 'completed', generated_image_url = 'https://f/1.jpg',"
        " processing_time_ms = 1200, completed_at = now() where id = %s",
        [session_id],
    )
    answer = client.get(f"/generations/{session_id}")
    session = answer.json()
    assert (session["session_id"], session["channel"], session["user_id"]) == (session_id, "b2c", shopper)
    assert (session["status"], session["generated_image_url"]) == ("completed", "https://f/1.jpg")
    assert (session["processing_time_ms"], session["credits_used"]) == (1200, 1)
    assert "secret" not in answer.text
    assert "A wish" not in answer.text


@pytest.mark.parametrize("session_id", ["nothing", "a%00b", "%2e%2e", "x" * 500, "a'b"])
def test_an_unknown_session_is_404(client: httpx.Client, session_id: str) -> None:
    answer = client.get(f"/generations/{session_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "session_unknown")


def test_pages_contain_every_session_once_newest_first_even_with_equal_times(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    made = [order(client, shopper) for _ in range(12)]
    database.execute("update generation_sessions set created_at = '2026-01-01' where user_id = %s", [shopper])
    database.execute("update generation_sessions set created_at = '2026-01-02' where id = %s", [made[5]])
    seen: list[str] = []
    query: dict[str, str] = {"user_id": shopper, "limit": "5"}
    while True:
        page = client.get("/generations", params=query).json()
        seen += [item["session_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        order(client, shopper)  # what comes in between moves nothing
        query["cursor"] = page["next_cursor"]
    assert seen[0] == made[5]
    assert sorted(seen) == sorted(made)
    assert seen[1:] == sorted(seen[1:], reverse=True)


def test_a_page_can_be_filtered_by_status(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    failed, _ = order(client, shopper), order(client, shopper)
    database.execute("update generation_sessions set status = 'failed' where id = %s", [failed])
    page = client.get("/generations", params={"user_id": shopper, "status": "failed"}).json()
    assert [item["session_id"] for item in page["items"]] == [failed]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=51", "limit=x", "status=new", "user_id=a&store_id=b", "channel=b2b&user_id=a", "cursor=abc",
     "cursor=!", "limit=1&limit=2", "user_id=a%00"],
)  # fmt: skip
def test_an_invalid_query_is_422(client: httpx.Client, query: str) -> None:
    assert client.get(f"/generations?{query}").status_code == 422


def test_both_channels_are_listed_together_unless_filtered(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    owner = str(uuid.uuid4())
    give_credits(database, owner, 1)
    give_credits(database, owner, 1, store=True)
    shopper_session = order(client, owner)
    body = {"channel": "b2b", "store_id": owner, "model_image_url": "https://p.example/m.jpg"}
    shop_session = client.post("/generations", json=body).json()["session_id"]
    page = client.get("/generations", params={"limit": 2}).json()
    assert [item["session_id"] for item in page["items"]] == [shop_session, shopper_session]
    assert [item["channel"] for item in page["items"]] == ["b2b", "b2c"]
    page = client.get("/generations", params={"store_id": owner}).json()
    assert [item["session_id"] for item in page["items"]] == [shop_session]


def test_stats_count_the_outcomes_of_sessions(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    for status in ("completed", "completed", "failed", "processing", "queued"):
        session_id = order(client, shopper)
        database.execute("update generation_sessions set status = %s where id = %s", [status, session_id])
    stats = client.get("/generations/stats", params={"user_id": shopper}).json()
    assert stats == {"total": 5, "completed": 2, "active": 2, "failed": 1}


def test_sessions_of_a_database_with_uuids_and_enums_are_read(
    client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    database.execute("drop table store_generation_sessions")
    database.execute("create type session_status as enum ('QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED')")
    database.execute(
        "create table store_generation_sessions (id uuid primary key, store_id uuid not null, status session_status"
        " not null, model_image_url text, outfit_image_url text, prompt_system text, credits_used int,"
        " shopper_email text, request_id text, created_at timestamptz default now())"
    )
    store = str(uuid.uuid4())
    give_credits(database, store, 1, store=True)
    body = {"channel": "b2b", "store_id": store, "model_image_url": "https://p.example/m.jpg"}
    session_id = client.post("/generations", json=body).json()["session_id"]
    assert client.get(f"/generations/{session_id}").json()["status"] == "queued"
    page = client.get("/generations", params={"store_id": store, "status": "queued"}).json()
    assert [item["session_id"] for item in page["items"]] == [session_id]
    assert client.get("/generations", params={"store_id": "no-uuid"}).json()["items"] == []
    assert client.get("/generations/no-uuid").status_code == 404
    assert client.get("/generations/stats", params={"store_id": store}).json()["active"] == 1
