from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
import redis
import redis.asyncio

from commands.local.embedded import Embedded
from providers.progress import ProgressLog
from schemas.progress import Progress, Status
from tests.integration.http.conftest import Service, serving
from tests.integration.http.streams import Stream
from tests.waiting import LIMIT_S, wait_until


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("events"), ephemeral=True, postgres=False) as embedded:
        yield embedded


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, own_valkey: Embedded, database_url: str) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("http")
    with serving(folder, REDIS_URL=own_valkey.redis_url or "", DATABASE_URL=database_url) as running:
        yield running


@pytest.fixture
def task_id(database: psycopg.Connection[Any]) -> str:
    """A running job."""
    task_id = str(uuid.uuid4())
    database.execute(
        "insert into darkroom_jobs (task_id, product, session_id, owner_id, channel, request_id, payload, state, token)"
        " values (%s, 'tryon', %s, 'u1', 'b2c', 'r', '{}', 'running', 1)",
        [task_id, f"s-{task_id}"[:64]],
    )
    return task_id


@pytest.fixture
async def publish(own_valkey: Embedded) -> Any:
    client = redis.asyncio.Redis.from_url(own_valkey.redis_url or "")
    log = ProgressLog(client, ttl_s=60)

    async def publish(task_id: str, status: Status, progress: int) -> None:
        event = Progress(status=status, progress=progress, message=status.value, task_id=task_id, session_id="s")
        await log.publish(event)

    yield publish
    await client.aclose()


def subscribed(own_valkey: Embedded, task_id: str) -> None:
    """Return when the service has subscribed to the task's events."""
    with redis.Redis.from_url(own_valkey.redis_url or "") as client:
        wait_until(lambda: client.pubsub_numsub(f"task_updates:{task_id}")[0][1], "the subscription")


class Reader(threading.Thread):
    """Reads a stream to its end."""

    def __init__(self, url: str, **headers: str) -> None:
        super().__init__(daemon=True)
        self.stream = Stream(url, **headers)
        self.seen: list[Any] = []
        self.start()

    def run(self) -> None:
        self.seen = list(self.stream.events())

    def wait(self) -> list[tuple[str, int]]:
        self.join(LIMIT_S)
        assert not self.is_alive()
        self.stream.close()
        return [(event.data["status"], event.data["progress"]) for event in self.seen]


async def test_events_are_streamed_in_order_until_the_terminal_one(
    service: Service, own_valkey: Embedded, task_id: str, publish: Any
) -> None:
    reader = Reader(f"{service.url}/tasks/{task_id}/events")
    subscribed(own_valkey, task_id)
    for progress in (10, 50, 90):
        await publish(task_id, Status.PROCESSING, progress)
    await publish(task_id, Status.COMPLETED, 100)
    assert reader.wait() == [
        ("pending", 0), ("processing", 10), ("processing", 50), ("processing", 90), ("completed", 100),
    ]  # fmt: skip
    assert [event.id for event in reader.seen] == ["1.0", "1.1", "1.2", "1.3", "1.end"]


async def test_a_late_subscriber_gets_the_latest_state_immediately(
    service: Service, own_valkey: Embedded, task_id: str, publish: Any
) -> None:
    await publish(task_id, Status.PROCESSING, 10)
    await publish(task_id, Status.PROCESSING, 40)
    reader = Reader(f"{service.url}/tasks/{task_id}/events")
    subscribed(own_valkey, task_id)
    await publish(task_id, Status.FAILED, 40)
    assert reader.wait() == [("processing", 40), ("failed", 40)]


async def test_a_subscriber_after_the_end_gets_the_terminal_event_and_the_stream_ends(
    service: Service, task_id: str, publish: Any
) -> None:
    await publish(task_id, Status.COMPLETED, 100)
    assert Reader(f"{service.url}/tasks/{task_id}/events").wait() == [("completed", 100)]


async def test_a_browser_that_reconnects_after_the_end_gets_204(service: Service, task_id: str, publish: Any) -> None:
    await publish(task_id, Status.COMPLETED, 100)
    first = Reader(f"{service.url}/tasks/{task_id}/events")
    first.wait()
    with Stream(f"{service.url}/tasks/{task_id}/events", Last_Event_ID=first.seen[-1].id) as again:
        assert again.status == 204


async def test_a_reconnecting_subscriber_gets_the_terminal_event_exactly_once(
    service: Service, own_valkey: Embedded, task_id: str, publish: Any
) -> None:
    seen: list[str] = []
    last = ""
    for progress in (10, 20, 30):
        with Stream(f"{service.url}/tasks/{task_id}/events", Last_Event_ID=last) as stream:
            subscribed(own_valkey, task_id)
            await publish(task_id, Status.PROCESSING, progress)
            event = next(event for event in stream.events() if event.data["progress"] == progress)
            last = event.id
            seen.append(event.data["status"])
    await publish(task_id, Status.COMPLETED, 100)
    reader = Reader(f"{service.url}/tasks/{task_id}/events", Last_Event_ID=last)
    assert reader.wait() == [("completed", 100)]
    with Stream(f"{service.url}/tasks/{task_id}/events", Last_Event_ID=reader.seen[-1].id) as again:
        assert again.status == 204


async def test_a_terminal_event_that_redis_lost_is_read_from_the_database(
    service: Service, own_valkey: Embedded, task_id: str, publish: Any, database: psycopg.Connection[Any]
) -> None:
    assert own_valkey.valkey
    await publish(task_id, Status.PROCESSING, 10)
    reader = Reader(f"{service.url}/tasks/{task_id}/events")
    subscribed(own_valkey, task_id)
    own_valkey.valkey.kill()
    database.execute(
        "update darkroom_jobs set state = 'failed', failure = %s where task_id = %s",
        [json.dumps({"code": "timed_out", "message": "Task timed out after 5 minutes"}), task_id],
    )
    own_valkey.valkey.restart(empty=True)
    assert reader.wait() == [("processing", 10), ("failed", 0)]
    assert reader.seen[-1].data["message"] == "Task timed out after 5 minutes"


def test_an_unknown_task_is_404(client: httpx.Client) -> None:
    assert client.get("/tasks/nothing/events").status_code == 404
    assert client.get("/tasks/nothing").status_code == 404


async def test_the_listeners_of_one_process_share_one_redis_subscription(
    service: Service, own_valkey: Embedded, task_id: str, publish: Any
) -> None:
    readers = [Reader(f"{service.url}/tasks/{task_id}/events") for _ in range(20)]
    with redis.Redis.from_url(own_valkey.redis_url or "") as client:
        subscribed(own_valkey, task_id)
        assert client.pubsub_numsub(f"task_updates:{task_id}")[0][1] == 1
        assert len(client.client_list(_type="pubsub")) == 1
    await publish(task_id, Status.COMPLETED, 100)
    assert {reader.wait()[-1] for reader in readers} == {("completed", 100)}


def test_the_subscription_of_a_disconnected_client_is_removed(
    service: Service, own_valkey: Embedded, task_id: str
) -> None:
    stream = Stream(f"{service.url}/tasks/{task_id}/events")
    subscribed(own_valkey, task_id)
    stream.close()
    with redis.Redis.from_url(own_valkey.redis_url or "") as client:
        wait_until(lambda: not client.pubsub_numsub(f"task_updates:{task_id}")[0][1], "the end of the subscription", 60)


def test_one_link_opens_a_bounded_number_of_streams_and_others_are_unaffected(
    service: Service, database: psycopg.Connection[Any], task_id: str
) -> None:
    attacked = service.client().get(f"/tasks/{task_id}").json()["events_url"]
    streams = [Stream(attacked) for _ in range(100)]
    assert sorted({stream.status for stream in streams}) == [200, 429]
    assert [stream.status for stream in streams].count(200) == 16
    innocent = str(uuid.uuid4())
    database.execute(
        "insert into darkroom_jobs (task_id, product, session_id, owner_id, channel, request_id, payload, state)"
        " values (%s, 'tryon', %s, 'u2', 'b2c', 'r', '{}', 'running')",
        [innocent, innocent],
    )
    with Stream(service.client().get(f"/tasks/{innocent}").json()["events_url"]) as stream:
        assert stream.status == 200
    for stream in streams:
        stream.close()

    def admitted() -> bool:
        with Stream(attacked) as stream:
            return stream.status == 200

    wait_until(admitted, "the end of the closed streams", 60)
