from __future__ import annotations

import http.server
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

import settings
from commands.healthcheck import SILENCE_S, main
from providers.process import container_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

HEARTBEATS = "dramatiq:__heartbeats__"


@pytest.fixture(autouse=True)
def configured(redis_url: str, monkeypatch: pytest.MonkeyPatch, flush_redis: None) -> Iterator[None]:  # noqa: ARG001  an empty Redis
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def beat(client: redis.Redis, worker: str, age_s: float) -> None:
    client.zadd(HEARTBEATS, {worker: (time.time() - age_s) * 1000})


def test_a_worker_of_this_container_that_fetches_messages_is_healthy(redis_client: redis.Redis) -> None:
    beat(redis_client, f"{container_name()}/one", 1)
    assert main(["worker"]) == 0


@pytest.mark.parametrize(("worker", "age_s"), [(f"{container_name()}/one", SILENCE_S + 5), ("another/1/one", 1)])
def test_a_silent_worker_or_one_of_another_container_is_not_healthy(
    redis_client: redis.Redis, worker: str, age_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    beat(redis_client, worker, age_s)
    assert main(["worker"]) == 1
    assert capsys.readouterr().out == "no worker of this container wrote a heartbeat within 30 s\n"


def test_a_scheduler_is_healthy_while_redis_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scheduler"]) == 0
    monkeypatch.setenv("REDIS_URL", "redis://:hidden@127.0.0.1:1/0")
    settings.load.cache_clear()
    assert main(["scheduler"]) == 1
    assert capsys.readouterr().out == "healthy\nRedis can't be reached: ConnectionError\n"


@pytest.mark.parametrize(("status", "code"), [(HTTPStatus.OK, 0), (HTTPStatus.SERVICE_UNAVAILABLE, 1)])
def test_the_http_service_is_healthy_when_it_is_ready(
    status: HTTPStatus, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("PORT", str(server.server_port))
        assert main(["http"]) == code
    assert asked == ["/health/ready"]


def test_an_unknown_role_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cook"]) == 2
    assert capsys.readouterr().out == "usage: python -m commands.healthcheck http|worker|scheduler\n"
