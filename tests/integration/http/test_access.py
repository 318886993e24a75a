from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from providers.storage.local import LocalStorage
from tests.integration.http.conftest import ROOT, Service, balance, give_credits

OWNER, OTHER = "owner-1", "owner-2"
pytestmark = pytest.mark.usefixtures("flush_redis")


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    tokens = [
        "old:produce+read:old-secret-of-ours",
        "new:produce+read:new-secret-of-ours",
        "reader:read:read-secret-of-ours",
        "monitor:operate:operate-secret-of-ours",
        f"bound:produce+read:bound-secret-of-ours:{OWNER}",
        "busy:read:busy-secret-of-ours",
    ]
    return {
        "API_TOKENS": ",".join(tokens), "SIGNING_KEY": "test-key-of-16-chars", "RATE_LIMIT_PER_MINUTE": "40",
        "CORS_ORIGINS": "https://shop.example", "TRUSTED_PROXIES": "127.0.0.0/8", "IMAGES_PRICE_CREDITS": "1",
        "HTTP_MAX_BODY_BYTES": "20000",
    }  # fmt: skip


def generation(user_id: str) -> dict[str, Any]:
    return {"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg"}


@pytest.mark.parametrize("path", ["/generations", "/tasks/x", "/tasks/x/events", "/metrics", "/openapi.json", "/docs"])
def test_without_a_token_everything_but_health_is_401(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_required")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_a_browser_without_a_token_gets_a_page_with_instructions(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert "Accept" in answer.headers["Vary"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert f"Authorization: Bearer $TOKEN&quot; {client.base_url}{path}".replace("&quot;", '"') in answer.text
    assert "OPEN_ENDPOINTS=/docs,/openapi.json" in answer.text


@pytest.mark.parametrize("secret", ["wrong", "old-secret-of-our", "old-secret-of-ours2", "é"])
def test_a_wrong_token_is_401(client: httpx.Client, secret: str) -> None:
    headers = {b"Authorization": f"Bearer {secret}".encode()}
    assert client.get("/generations", headers=headers).status_code == 401


def test_while_tokens_are_rotated_the_old_and_the_new_one_work(service: Service) -> None:
    assert service.client("old-secret-of-ours").get("/generations").status_code == 200
    assert service.client("new-secret-of-ours").get("/generations").status_code == 200


def test_a_token_allows_only_its_scopes(service: Service) -> None:
    reader, monitor = service.client("read-secret-of-ours"), service.client("operate-secret-of-ours")
    assert reader.get("/generations").status_code == 200
    assert reader.post("/generations", json=generation(OWNER)).status_code == 403
    assert reader.get("/metrics").status_code == 403
    assert monitor.get("/metrics").status_code == 200
    assert monitor.get("/generations").json()["code"] == "scope_missing"


def test_a_bound_token_neither_sees_nor_charges_another_owner(
    service: Service, database: psycopg.Connection[Any]
) -> None:
    for owner in (OWNER, OTHER):
        give_credits(database, owner, 5)
    free, bound = service.client("new-secret-of-ours"), service.client("bound-secret-of-ours")
    theirs = free.post("/generations", json=generation(OTHER)).json()
    mine = bound.post("/generations", json=generation(OWNER)).json()

    assert bound.post("/generations", json=generation(OTHER)).status_code == 403
    photo = {"user_id": OTHER, "scene_description": "A beach", "avatar": {"id": "a"}}
    assert bound.post("/photos", json=photo).status_code == 403
    batch = {"workspace_id": OWNER, "user_id": OTHER, "prompt": "Mug", "style_id": "warm"}
    assert bound.post("/images", json=batch).status_code == 403
    assert bound.post("/images", json=batch | {"workspace_id": OTHER, "user_id": OWNER}).status_code == 403
    assert balance(database, OTHER) == 4

    assert bound.get(f"/generations/{theirs['session_id']}").status_code == 404
    assert bound.get(f"/tasks/{theirs['task_id']}").status_code == 404
    assert bound.get(f"/tasks/{theirs['task_id']}/events").status_code == 404
    assert bound.get("/generations", params={"user_id": OTHER}).status_code == 403
    assert bound.get("/generations/stats", params={"user_id": OTHER}).status_code == 403

    assert bound.get(f"/generations/{mine['session_id']}").status_code == 200
    assert bound.get(f"/tasks/{mine['task_id']}").status_code == 200
    seen = [item["session_id"] for item in bound.get("/generations").json()["items"]]
    assert seen == [mine["session_id"]]
    assert bound.get("/generations/stats").json()["total"] == 1


def test_idempotency_keys_are_separate_per_token(service: Service, database: psycopg.Connection[Any]) -> None:
    owner = str(uuid.uuid4())
    give_credits(database, owner, 5)
    headers = {"Idempotency-Key": "shared"}
    sessions = {
        service.client(secret).post("/generations", json=generation(owner), headers=headers).json()["session_id"]
        for secret in ("old-secret-of-ours", "new-secret-of-ours")
    }
    assert len(sessions) == 2


def test_the_events_url_of_an_answer_opens_without_a_token_and_only_as_it_was_signed(
    service: Service, database: psycopg.Connection[Any]
) -> None:
    give_credits(database, OWNER, 5)
    producer, nobody = service.client("new-secret-of-ours"), service.client()
    told = producer.post("/generations", json=generation(OWNER)).json()
    other = producer.post("/generations", json=generation(OWNER)).json()
    with nobody.stream("GET", told["events_url"]) as stream:
        assert stream.status_code == 200
        assert stream.headers["Content-Type"].startswith("text/event-stream")
    moved = told["events_url"].replace(told["task_id"], other["task_id"])
    assert nobody.get(moved).json()["code"] == "link_invalid"
    file = nobody.get(f"/files/events/{told['task_id']}?{urlsplit(told['events_url']).query}")
    assert (file.status_code, file.json()["code"]) == (403, "link_invalid")
    expires = dict(part.split("=") for part in urlsplit(told["events_url"]).query.split("&"))["expires"]
    later = told["events_url"].replace(expires, str(int(expires) + 1))
    assert nobody.get(later).status_code == 403
    assert 0 < int(expires) - time.time() <= 3600
    assert nobody.get(told["events_url"].replace("/events", "")).status_code == 401


def test_calls_beyond_the_limit_of_a_token_are_429_and_other_tokens_are_unaffected(service: Service) -> None:
    busy = service.client("busy-secret-of-ours")
    answers = [busy.get("/generations") for _ in range(45)]
    assert [answer.status_code for answer in answers].count(200) == 40
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert service.client("new-secret-of-ours").get("/generations").status_code == 200


def test_wrong_tokens_are_throttled_by_address_and_right_ones_are_not(service: Service, client: httpx.Client) -> None:
    def statuses(count: int, address: str) -> list[int]:
        headers = {"Authorization": "Bearer guess", "X-Forwarded-For": address}
        return [client.get("/generations", headers=headers).status_code for _ in range(count)]

    guesses = statuses(70, "198.51.100.7")
    assert (guesses[0], guesses[-1]) == (401, 429)
    assert guesses.count(401) == 60
    assert statuses(1, "198.51.100.8") == [401]
    # A network of IPv6 is one client.
    assert 429 in [statuses(1, f"2001:db8::{number:x}")[0] for number in range(70)]
    right = service.client("new-secret-of-ours")
    assert right.get("/generations", headers={"X-Forwarded-For": "198.51.100.7"}).status_code == 200


def test_links_are_not_built_from_an_untrusted_host_header(service: Service, database: psycopg.Connection[Any]) -> None:
    give_credits(database, OWNER, 5)
    producer = service.client("new-secret-of-ours")
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example"):
        told = producer.post("/generations", json=generation(OWNER), headers={"Host": host}).json()
        assert told["status_url"] == f"{service.url}/tasks/{told['task_id']}"
        assert told["events_url"].startswith(f"{service.url}/tasks/")
        state = producer.get(f"/tasks/{told['task_id']}", headers={"Host": host}).json()
        assert state["events_url"].startswith(f"{service.url}/tasks/")


def test_files_are_served_by_signed_links_only(service: Service, client: httpx.Client) -> None:
    storage = LocalStorage(service.data_dir / "storage", b"test-key-of-16-chars", service.url)
    asyncio.run(storage.put("photos", "u1/j1.jpg", b"\xff\xd8picture"))
    good = asyncio.run(storage.signed_url("photos", "u1/j1.jpg", lifetime_s=60))
    answer = client.get(good)
    assert (answer.status_code, answer.content) == (200, b"\xff\xd8picture")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/files/photos/u1/j1.jpg").status_code == 403
    assert client.get(good.replace("j1", "j2")).status_code == 403
    assert client.get(good.replace("signature=", "signature=A")).status_code == 403
    expired = asyncio.run(storage.signed_url("photos", "u1/j1.jpg", lifetime_s=0))
    assert client.get(expired).json()["code"] == "link_expired"
    query = urlsplit(good).query
    for path in ("photos/../signing.key", "photos/%2e%2e/%2e%2e/signing.key", "photos//etc/passwd", "%00/x"):
        assert client.get(f"/files/{path}?{query}").status_code in {403, 404}


def test_answers_carry_security_headers_and_a_request_id(client: httpx.Client) -> None:
    headers = client.get("/health/live", headers={"X-Request-ID": "bad id"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Request-ID"].startswith("req_")
    assert "gunicorn" not in headers["Server"]


def test_only_configured_origins_may_read_answers(client: httpx.Client) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = client.options("/generations", headers={"Origin": "https://shop.example"} | preflight)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    evil = client.options("/generations", headers={"Origin": "https://evil.example"} | preflight)
    assert "Access-Control-Allow-Origin" not in evil.headers


def test_a_body_beyond_the_limit_is_413_whether_its_length_is_declared_or_not(service: Service) -> None:
    client = service.client("new-secret-of-ours")
    body = b'{"prompt": "' + b"x" * 30_000 + b'"}'
    assert client.post("/generations", content=body).status_code == 413
    answer = client.post("/generations", content=iter([body[:15_000], body[15_000:]]))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_an_unknown_path_or_method_returns_a_problem(client: httpx.Client) -> None:
    assert client.get("/nothing").json()["code"] == "not_found"
    answer = client.delete("/generations")
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")


def start(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "DATA_DIR": str(folder), "HOME": str(folder), "PORT": "0", **settings}
    command = [sys.executable, "-m", "gunicorn", "-c", "http/gunicorn.conf.py", *settings.pop("OPTIONS", "").split()]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


SERVICES = {"REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgresql://127.0.0.1:1/x"}


@pytest.mark.parametrize("settings", [{"HOST": "0.0.0.0"}, {"HOST": "::"}, {"OPTIONS": "-b 0.0.0.0:0"}])
def test_without_tokens_the_service_refuses_to_listen_to_other_machines(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    done = start(tmp_path, **SERVICES, **settings)
    assert done.returncode != 0
    assert "Without API_TOKENS the service listens on this machine only" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"API_TOKENS": "a:fly:secret-secret-secret"}, "entry 1 is wrong in its scopes"),
        ({"API_TOKENS": "a:read:short"}, "its secret"),
        ({"API_TOKEN": "fifteen-chars-x"}, "API_TOKEN (API token"),
        ({"SIGNING_KEY": "fifteen-chars-x"}, "SIGNING_KEY (key"),
        ({"TRUSTED_PROXIES": "proxy.example"}, "TRUSTED_PROXIES (networks"),
        ({"PORT": "x"}, "PORT"),
        ({"REDIS_URL": ""}, "REDIS_URL"),
    ],
)
def test_unusable_settings_are_reported_at_start(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    done = start(tmp_path, **(SERVICES | settings))
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-secret" not in done.stderr
    assert "fifteen-chars-x" not in done.stderr
