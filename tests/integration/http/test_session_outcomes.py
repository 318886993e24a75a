"""Outcomes of sessions over HTTP: the picture, the refund, the reason."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.http.conftest import Service, give_credits

pytestmark = pytest.mark.usefixtures("flush_redis")
ENDED_BY_THE_SHOP = (
    "update generation_sessions set status = 'failed', error_message = 'Ended by the shop'"
    " where id = (select session_id from darkroom_requests where task_id = %s)"
)
DEAD_LINK = "http://gone.example/files/x.jpg?expires=1&signature=0"


@pytest.fixture
def shopper(database: psycopg.Connection[Any]) -> str:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 5)
    return user_id


def order(client: httpx.Client, user_id: str) -> dict[str, Any]:
    body = {"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg"}
    answer = client.post("/generations", json=body)
    assert answer.status_code == 202
    told: dict[str, Any] = answer.json()
    return told


def start(database: psycopg.Connection[Any], told: dict[str, Any], user_id: str) -> None:
    """Accept and dispatch the pushed task, as ingest and dispatcher do."""
    task = {
        "task_id": told["task_id"], "product": "tryon", "session_id": told["session_id"], "owner_id": user_id,
        "user_id": user_id, "channel": "b2c", "request_id": "r", "payload": {},
    }  # fmt: skip
    database.execute("select darkroom_accept(%s)", [json.dumps([task])])
    database.execute("select darkroom_dispatch(100, 100, 60)")


def token(database: psycopg.Connection[Any], told: dict[str, Any]) -> int:
    row = database.execute("select token from darkroom_jobs where task_id = %s", [told["task_id"]]).fetchone()
    assert row is not None
    return int(row[0])


def complete(
    database: psycopg.Connection[Any], service: Service, told: dict[str, Any], user_id: str, *, stored: bool = True
) -> None:
    start(database, told, user_id)
    path = f"generated/{user_id}/{told['session_id']}.jpg"
    if stored:
        file = service.data_dir / "storage" / "virtual-tryon-images" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(b"a picture")
    outcome = json.dumps({"pictures": [{"path": path, "url": DEAD_LINK}]})
    session = json.dumps({"generated_image_url": DEAD_LINK})
    done = database.execute(
        "select darkroom_complete(%s, %s, %s, %s, '[]', '[]') ->> 'completion'",
        [told["task_id"], token(database, told), outcome, session],
    ).fetchone()
    assert done == ("completed",)


def fail(database: psycopg.Connection[Any], told: dict[str, Any], state: str, message: str, code: str) -> None:
    failure = json.dumps({"code": code, "message": message})
    settled = database.execute(
        "select darkroom_fail(%s, null, %s, %s, %s, 60)", [told["task_id"], state, message, failure]
    ).fetchone()
    assert settled == ({"moved": True, "refunded": 1},)


def session_of(client: httpx.Client, told: dict[str, Any], user_id: str) -> dict[str, Any]:
    """The session, which reads the same alone and on a page."""
    session: dict[str, Any] = client.get(f"/generations/{told['session_id']}").json()
    (item,) = client.get("/generations", params={"user_id": user_id}).json()["items"]
    without_link = {"generated_image_url": None}
    assert item | without_link == session | without_link
    assert bool(item["generated_image_url"]) is bool(session["generated_image_url"])
    return session


def test_a_picture_link_is_signed_when_the_session_is_read(
    client: httpx.Client, service: Service, database: psycopg.Connection[Any], shopper: str
) -> None:
    told = order(client, shopper)
    complete(database, service, told, shopper)
    session = session_of(client, told, shopper)
    assert session["generated_image_url"].startswith(f"{service.url}/files/virtual-tryon-images/generated/")
    assert client.get(session["generated_image_url"]).content == b"a picture"
    assert (session["state"], session["code"], session["refunded"]) == ("completed", None, 0)
    (url,) = client.get(f"/tasks/{told['task_id']}").json()["result_urls"]
    assert client.get(url).content == b"a picture"
    with client.stream("GET", told["events_url"]) as stream:
        assert "gone.example" not in stream.read().decode()
    row = database.execute("select generated_image_url from generation_sessions where id = %s", [told["session_id"]])
    assert row.fetchone() == (DEAD_LINK,)


def test_an_erased_picture_has_no_link(
    client: httpx.Client, service: Service, database: psycopg.Connection[Any], shopper: str
) -> None:
    told = order(client, shopper)
    complete(database, service, told, shopper, stored=False)
    session = session_of(client, told, shopper)
    assert (session["status"], session["generated_image_url"]) == ("completed", None)
    assert client.get(f"/tasks/{told['task_id']}").json()["result_urls"] == []


def test_a_failed_session_shows_reason_and_refund_until_it_is_replayed(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    told = order(client, shopper)
    waiting = session_of(client, told, shopper)
    assert (waiting["state"], waiting["refunded"]) == ("waiting", 0)
    start(database, told, shopper)
    fail(database, told, "failed", "Rate limit exceeded", "rate_limited")
    session = session_of(client, told, shopper)
    assert (session["status"], session["state"], session["code"]) == ("failed", "failed", "rate_limited")
    assert (session["credits_used"], session["refunded"]) == (1, 1)
    assert database.execute("select darkroom_replay(%s)", [told["task_id"]]).fetchone() == ("replayed",)
    session = session_of(client, told, shopper)
    assert (session["state"], session["code"], session["refunded"]) == ("waiting", None, 0)


def test_a_cancelled_session_differs_from_a_failed_one(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    told = order(client, shopper)
    start(database, told, shopper)
    fail(database, told, "cancelled", "Cancelled", "cancelled")
    session = session_of(client, told, shopper)
    assert (session["status"], session["error_message"]) == ("failed", "Cancelled")
    assert (session["state"], session["code"], session["refunded"]) == ("cancelled", "cancelled", 1)
    state = client.get(f"/tasks/{told['task_id']}").json()
    assert (state["status"], state["state"], state["code"]) == ("failed", "cancelled", "cancelled")


def test_a_session_cancelled_before_its_task_arrived_is_shown_as_ended_everywhere(
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str
) -> None:
    told = order(client, shopper)
    settled = database.execute(
        "select darkroom_fail_session('tryon', 'b2c', %s, 'Cancelled', 'r')", [told["session_id"]]
    ).fetchone()
    assert settled == ({"moved": True, "refunded": 1},)
    session = session_of(client, told, shopper)
    assert (session["state"], session["code"], session["refunded"]) == ("cancelled", "cancelled", 1)
    state = client.get(f"/tasks/{told['task_id']}").json()
    assert (state["status"], state["state"], state["message"]) == ("failed", "cancelled", "Cancelled")
    assert 'event: progress\ndata: {"status":"failed"' in client.get(told["events_url"]).text


@pytest.mark.parametrize(
    ("ended", "code", "message"),
    [
        ("select darkroom_cancel_order(%s, 'Redis queue unavailable')", "queue_unavailable", "Redis queue unavailable"),
        (
            ENDED_BY_THE_SHOP,
            "session_ended",
            "Ended by the shop",
        ),
    ],
)
def test_an_order_that_ended_before_its_task_arrived_has_failed(  # noqa: PLR0913, PLR0917  fixtures and cases
    client: httpx.Client, database: psycopg.Connection[Any], shopper: str, ended: str, code: str, message: str
) -> None:
    told = order(client, shopper)
    database.execute(ended.encode(), [told["task_id"]])
    state = client.get(f"/tasks/{told['task_id']}").json()
    assert (state["status"], state["code"], state["message"]) == ("failed", code, message)
    assert client.get(told["events_url"]).text.count("event: progress") == 1


def test_a_task_whose_payload_was_refused_has_failed(client: httpx.Client, database: psycopg.Connection[Any]) -> None:
    task_id = str(uuid.uuid4())
    letter = {
        "list": "wearon:tasks:generation", "code": "unknown_version", "reason": "version 9", "payload": "{}",
        "encoding": "utf-8", "complete": True, "task_id": task_id,
    }  # fmt: skip
    database.execute("select darkroom_add_dead_letters(%s)", [json.dumps([letter])])
    state = client.get(f"/tasks/{task_id}").json()
    assert (state["status"], state["state"], state["code"]) == ("failed", "failed", "unknown_version")
    assert "version 9" not in str(state)
    stream = client.get(f"/tasks/{task_id}/events")
    assert (stream.status_code, stream.text.count("event: progress")) == (200, 1)
