from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
import redis
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families

from providers.images.model_watch import StatusAnswer
from providers.images.retirement import ModelStatus, today
from providers.metrics.recorder import GAUGES, Metrics
from schemas import keys
from tests.integration.http.conftest import Service, give_credits
from tests.integration.http.streams import Stream
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("flush_redis")


def samples(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_health_is_ok_with_all_services_and_degraded_without_workers(client: httpx.Client, redis_url: str) -> None:
    health = client.get("/health").json()
    assert (health["status"], health["workers_connected"]) == ("degraded", False)
    with redis.Redis.from_url(redis_url) as lists:
        lists.zadd(keys.HEARTBEATS, {"w1": time.time() * 1000, "gone": 1})
    health = client.get("/health").json()
    assert (health["status"], health["workers"], health["workers_connected"]) == ("ok", 1, True)
    assert health["redis_connected"] is health["database_connected"] is True
    assert health["redis_ms"] < 1000
    assert health["database_ms"] < 1000
    assert isinstance(health["size_rec_model_loaded"], bool)
    assert client.get("/health/ready").status_code == 200


async def test_metrics_are_counted_across_processes(client: httpx.Client, redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as connection:
        for _ in range(2):
            worker = Metrics(connection)
            await worker.incr("darkroom_tasks_total", {"product": "tryon", "event": "done"})
            await worker.incr("darkroom_provider_usd_total", {"provider": "openai"}, 0.25)
            await worker.observe("darkroom_stage_seconds", {"stage": "generate"}, 0.3)
            await worker.gauge("darkroom_provider_in_flight", {"provider": "openai"}, 4)
            await worker.flush()
    found = samples(client)
    assert found[of("darkroom_tasks_total", product="tryon", event="done")] == 2
    assert found[of("darkroom_provider_usd_total", provider="openai")] == 0.5
    assert found[of("darkroom_stage_seconds_bucket", stage="generate", le="0.25")] == 0
    assert found[of("darkroom_stage_seconds_bucket", stage="generate", le="0.5")] == 2
    assert found[of("darkroom_stage_seconds_count", stage="generate")] == 2
    assert found[of("darkroom_stage_seconds_sum", stage="generate")] == pytest.approx(0.6)
    assert found[of("darkroom_provider_in_flight", provider="openai")] == 8


def test_gauges_of_a_dead_process_are_removed(client: httpx.Client, redis_url: str) -> None:
    field = "darkroom_provider_in_flight|provider=gone|dead"
    with redis.Redis.from_url(redis_url) as connection:
        connection.hset(GAUGES, field, "3@1")
        assert of("darkroom_provider_in_flight", provider="gone") not in samples(client)
        assert not connection.hexists(GAUGES, field)


async def test_counts_made_during_a_redis_outage_are_sent_later() -> None:
    async with redis.asyncio.Redis(host="127.0.0.1", port=1) as nowhere:
        metrics = Metrics(nowhere)
        await metrics.incr("darkroom_credits", {"kind": "refund"}, 2)
        with pytest.raises(redis.exceptions.ConnectionError):
            await metrics.flush()
        assert list(metrics._counts.values()) == [2]
        await metrics.aclose()


async def test_the_model_status_of_providers_is_exported(client: httpx.Client, redis_url: str) -> None:
    def sample_line(model: str, *, available: bool, days: int | None = None) -> str:
        end = None if days is None else today() + timedelta(days=days)
        status = ModelStatus(model=model, setting="S", available=available, shutdown_date=end)
        return StatusAnswer(status=status, asked_at=time.time()).model_dump_json()

    async with redis.asyncio.Redis.from_url(redis_url) as connection:
        await connection.hset(keys.MODELS, "openai", sample_line("gpt-image-1.5", available=True, days=30))
        await connection.hset(keys.MODELS, "replicate", sample_line("a/b:c", available=False))
    found = samples(client)
    assert found[of("darkroom_model_days_left", provider="openai", model="gpt-image-1.5")] in {29, 30}
    assert found[of("darkroom_model_offered", provider="openai", model="gpt-image-1.5")] == 1
    assert found[of("darkroom_model_offered", provider="replicate", model="a/b:c")] == 0
    assert of("darkroom_model_days_left", provider="replicate", model="a/b:c") not in found


def test_queue_depths_jobs_requests_and_streams_are_exported(
    service: Service, client: httpx.Client, database: psycopg.Connection[Any]
) -> None:
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 1)
    body = {"channel": "b2c", "user_id": user_id, "model_image_url": "https://p.example/m.jpg"}
    told = client.post("/generations", json=body).json()
    database.execute(
        "insert into darkroom_jobs (task_id, session_id, product, owner_id, channel, request_id, payload, turn,"
        " created_at) values ('t1', 's1', 'tryon', 'u', 'b2c', 'r', '{}', 0, now() - interval '90 s')"
    )
    with Stream(f"{service.url}/tasks/{told['task_id']}/events"):
        wait_until(lambda: samples(client).get(of("darkroom_sse_clients")) == 1, "the count of the stream")
        found = samples(client)
    assert found[of("darkroom_list_depth", product="tryon")] == 1
    assert found[of("darkroom_queue_depth", stage="generate")] == 0
    assert found[of("darkroom_jobs", state="waiting")] == 1
    assert found[of("darkroom_oldest_waiting_seconds")] >= 90
    assert found[of("darkroom_http_requests_total", method="POST", route="/generations", status="202")] == 1
    assert found[of("darkroom_http_seconds_count", route="/generations")] == 1
