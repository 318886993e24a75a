"""Workers that are killed while they make or deliver pictures of avatars and batches."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from devtools.chaos.provider import CountingProvider, Kind, marked
from tests.faults.deployment import Deployment, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

PHOTOS, BATCHES = "ava:tasks:photo", "studio:tasks:images"
ACCEPTED = {"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]}


class WhatsAppServer:
    """A WhatsApp API that answers after `seconds` and counts messages by text."""

    def __init__(self, seconds: float) -> None:
        self.messages: Counter[str] = Counter()
        whatsapp_server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                whatsapp_server.messages[message["text"]["body"]] += 1
                time.sleep(seconds)
                body = json.dumps(ACCEPTED).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:
                    """The worker was killed."""

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "WHATSAPP_BASE_URL": f"http://127.0.0.1:{self._server.server_port}",
            "WHATSAPP_PHONE_NUMBER_ID": "1055",
            "WHATSAPP_ACCESS_TOKEN": "token",
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def whatsapp_server() -> Iterator[WhatsAppServer]:
    opened = WhatsAppServer(seconds=0.5)
    yield opened
    opened.close()


def push_photos(
    deployment: Deployment, count: int, channel: str, scene: str = "[mock:plain]", **words: str
) -> list[str]:
    ids = [str(uuid.uuid4()) for _ in range(count)]
    for task_id in ids:
        user = str(uuid.uuid4())
        deployment.database.execute("insert into user_preferences values (%s, '+49 151 23456789')", [user])
        payload: dict[str, Any] = {
            "job_id": task_id, "user_id": user, "channel": channel, "avatar": {"id": "a1", "name": "Mia"},
            "scene_description": marked(scene, task_id) if words.get("counted") else scene,
        }  # fmt: skip
        deployment.redis.lpush(PHOTOS, json.dumps(payload))
    return ids


def count(deployment: Deployment, query: str, *values: object) -> int:
    row = deployment.database.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def all_delivered(deployment: Deployment, ids: list[str]) -> bool:
    """Return whether every task's photo was delivered or its delivery ended for good."""
    return count(
        deployment,
        "select count(*) from darkroom_deliveries where task_id = any(%s) and kind = 'photo'"
        " and state in ('sent', 'dead')",
        ids,
    ) == len(ids)


def messages_per_photo(deployment: Deployment, ids: list[str]) -> list[int]:
    rows = deployment.database.execute(
        "select count(m.id) from darkroom_deliveries d left join messages m on m.content like '%%' || d.task_id || '%%'"
        " where d.task_id = any(%s) and d.kind = 'photo' group by d.task_id",
        [ids],
    )
    return [row[0] for row in rows.fetchall()]


def test_repeated_kills_duplicate_no_message(deployment: Deployment, whatsapp_server: WhatsAppServer) -> None:
    """Given photos for both chats, when workers are killed again and again, then no message is sent twice."""
    deployment.env = whatsapp_server.environment
    deployment.start_worker()
    web, whatsapp = push_photos(deployment, 20, "web"), push_photos(deployment, 20, "whatsapp")
    for _ in range(4):
        time.sleep(1.0)
        deployment.workers[-1].kill()
        deployment.start_worker()

    wait_for(lambda: all_delivered(deployment, web + whatsapp), 120, "all messages")

    assert messages_per_photo(deployment, web) == [1] * 20
    assert count(deployment, "select count(*) from audit_log") == 40
    assert max(whatsapp_server.messages.values()) == 1
    unknown = count(deployment, "select count(*) from darkroom_deliveries where code = 'outcome_unknown'")
    assert len(whatsapp_server.messages) >= 20 - unknown
    assert count(deployment, "select count(*) from darkroom_jobs where state = 'completed'") == 40


def test_a_message_in_flight_when_its_worker_is_killed_is_not_repeated(
    deployment: Deployment, whatsapp_server: WhatsAppServer
) -> None:
    deployment.env = whatsapp_server.environment
    deployment.start_worker()
    ids = push_photos(deployment, 1, "whatsapp")
    wait_for(lambda: whatsapp_server.messages, what="the message")
    deployment.workers[-1].kill()
    deployment.start_worker()

    wait_for(lambda: all_delivered(deployment, ids), 90, "the end of the delivery")

    assert sum(whatsapp_server.messages.values()) == 1
    row = deployment.database.execute(
        "select state, code from darkroom_deliveries where task_id = %s and kind = 'photo'", ids
    ).fetchone()
    assert row == ("sent", "outcome_unknown")


def test_no_avatar_is_paid_for_twice_when_its_worker_dies(deployment: Deployment) -> None:
    """Given ten photos at a provider with resumable work, when the worker is killed, then the next one resumes them."""
    with CountingProvider(latency_s=3.0) as provider:
        deployment.env = provider.environment
        deployment.start_worker()
        ids = push_photos(deployment, 10, "web", "a walk", counted="yes")
        wait_for(
            lambda: count(deployment, "select count(*) from darkroom_jobs where provider_job_id is not null") == 10,
            what="the start of all",
        )
        deployment.workers[-1].kill()
        deployment.start_worker()
        wait_for(lambda: all_delivered(deployment, ids), 90, "all photos")

        assert provider.paid_calls(Kind.REPLICATE) == dict.fromkeys(ids, 1)

    assert messages_per_photo(deployment, ids) == [1] * 10


def test_finished_pictures_of_a_batch_are_not_repeated(deployment: Deployment) -> None:
    """Given a batch with finished pictures, when its worker is killed, then only the others are generated again."""
    with CountingProvider(latency_s=1.5) as provider:
        deployment.env = provider.environment
        deployment.start_worker()
        task_id, job_id = str(uuid.uuid4()), str(uuid.uuid4())
        deployment.database.execute(
            "insert into image_generation_jobs (id, workspace_id, style_id) values (%s, 'w1', 'warm')", [job_id]
        )
        payload = {
            "task_id": task_id, "job_id": job_id, "workspace_id": "w1", "style_id": "warm", "count": 6,
            "prompt": marked("a mug", task_id),
        }  # fmt: skip
        deployment.redis.lpush(BATCHES, json.dumps(payload))
        finished = "select count(*) from darkroom_jobs, jsonb_object_keys(journal -> 'pictures') where task_id = %s"
        wait_for(lambda: count(deployment, finished, task_id) >= 2, what="two finished pictures")
        deployment.workers[-1].kill()
        kept = count(deployment, finished, task_id)
        deployment.start_worker()
        wait_for(lambda: count(deployment, "select count(*) from images where generation_job_id = %s", job_id) == 6, 90)

        assert provider.paid_calls(Kind.OPENAI)[task_id] <= 6 + (6 - kept)

    row = deployment.database.execute(
        "select status, progress, jsonb_array_length(result_urls) from image_generation_jobs where id = %s", [job_id]
    ).fetchone()
    assert row == ("completed", 100, 6)
    assert count(deployment, "select count(distinct filename) from images where generation_job_id = %s", job_id) == 6
