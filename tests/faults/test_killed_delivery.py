"""Workers that die while they make or deliver what a chat or a workspace waits for."""

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


class Meta:
    """Takes WhatsApp messages, slowly, and counts them by text."""

    def __init__(self, seconds: float) -> None:
        self.messages: Counter[str] = Counter()
        meta = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                meta.messages[message["text"]["body"]] += 1
                time.sleep(seconds)
                body = json.dumps(ACCEPTED).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except ConnectionError:
                    """The worker that asked is dead."""

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "WHATSAPP_BASE_URL": f"http://127.0.0.1:{self._server.server_port}",
            "WHATSAPP_PHONE_NUMBER_ID": "1055",
            "WHATSAPP_ACCESS_TOKEN": "nobodys",
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def meta() -> Iterator[Meta]:
    opened = Meta(seconds=0.5)
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


def all_said(deployment: Deployment, ids: list[str]) -> bool:
    """Whether every task has its photo delivered, or its delivery given up."""
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


def test_no_message_twice_however_often_workers_die(deployment: Deployment, meta: Meta) -> None:
    """Given photos for both chats, when workers die again and again meanwhile, each is told once, or at most once."""
    deployment.env = meta.environment
    deployment.start_worker()
    web, whatsapp = push_photos(deployment, 20, "web"), push_photos(deployment, 20, "whatsapp")
    for _ in range(4):
        time.sleep(1.0)
        deployment.workers[-1].kill()
        deployment.start_worker()

    wait_for(lambda: all_said(deployment, web + whatsapp), 120, "all messages")

    assert messages_per_photo(deployment, web) == [1] * 20
    assert count(deployment, "select count(*) from audit_log") == 40
    assert max(meta.messages.values()) == 1
    unknown = count(deployment, "select count(*) from darkroom_deliveries where code = 'outcome_unknown'")
    assert len(meta.messages) >= 20 - unknown
    assert count(deployment, "select count(*) from darkroom_jobs where state = 'completed'") == 40


def test_a_worker_killed_while_meta_answers_sends_nothing_again(deployment: Deployment, meta: Meta) -> None:
    deployment.env = meta.environment
    deployment.start_worker()
    ids = push_photos(deployment, 1, "whatsapp")
    wait_for(lambda: meta.messages, what="the message")
    deployment.workers[-1].kill()
    deployment.start_worker()

    wait_for(lambda: all_said(deployment, ids), 90, "the end of the delivery")

    assert sum(meta.messages.values()) == 1
    row = deployment.database.execute(
        "select state, code from darkroom_deliveries where task_id = %s and kind = 'photo'", ids
    ).fetchone()
    assert row == ("sent", "outcome_unknown")


def test_no_avatar_is_paid_for_twice_when_its_worker_dies(deployment: Deployment) -> None:
    """Given ten photos in the making at a provider that can be asked again, a new worker waits for the same work."""
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
        wait_for(lambda: all_said(deployment, ids), 90, "all photos")

        assert provider.paid_calls(Kind.REPLICATE) == dict.fromkeys(ids, 1)

    assert messages_per_photo(deployment, ids) == [1] * 10


def test_no_finished_picture_of_a_batch_is_made_again(deployment: Deployment) -> None:
    """Given a batch of which some pictures are finished, when its worker dies, only the others are asked for again."""
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
