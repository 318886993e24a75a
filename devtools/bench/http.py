"""`manage.py bench http`: event streams and orders against the service as deployed, with embedded servers."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from rich.table import Table

from commands.local import programs
from commands.local.embedded import Embedded
from commands.local.free_port import free_port
from commands.local.process import Process
from commands.outcome import CommandOutcome
from devtools.bench import http_load, sse_load, usage
from devtools.bench.percentiles import percentile
from providers.progress import ProgressLog
from providers.records.migrate import migrate
from providers.redis_clients import async_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from settings import Settings

CLIENTS = 1000
STREAMS_AT_STOP = 500
SHOPPERS = 50
#: Concurrent requests while the throughput is measured.
CONNECTIONS = 16
THROUGHPUT_S = 6.0
STEADY_PER_S = 100.0
STEADY_S = 10.0
WARM_UP_S = 1.0
MAX_P99_MS = 100.0
MAX_KIB_EACH = 25.0
MIN_PER_S = 300.0
MAX_STOP_S = 5.0


def bench_http(settings: Settings) -> CommandOutcome:
    """Measure event streams, orders and shutdown.

    Result: `sse` with `clients`, `terminal_exactly_once` (number of clients), `p99_ms` from publishing to the client
    and `kib_each` (memory growth per stream); `generations` with the maximum `per_s` and `p99_ms` at 100 per second;
    `stop` with the `streams` open at SIGTERM, the number `hinted` to reconnect, and the `seconds` until the exit.

    Raises:
        StartError: The service can't be started.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another account
        with Embedded(Path(folder), ephemeral=True) as embedded:
            data = _measure(settings, embedded, Path(folder))
    return CommandOutcome(data, _view(data), ok=_within_bounds(data))


def _measure(settings: Settings, embedded: Embedded, folder: Path) -> dict[str, Any]:
    assert embedded.database_url  # noqa: S101  `Embedded` starts both here
    assert embedded.redis_url  # noqa: S101  the same
    migrate(embedded.database_url)
    port = free_port()
    env = programs.environment(
        settings, embedded, HOST="127.0.0.1", PORT=str(port), DATA_DIR=str(folder), API_TOKENS="", API_TOKEN=""
    )
    service = Process(programs.http(settings, env, folder / "http.log"))
    try:
        service.wait_ready(lambda: _accepts(port))
        return asyncio.run(_measure_service(service, port, embedded.redis_url, embedded.database_url))
    finally:
        service.stop()


async def _measure_service(service: Process, port: int, redis_url: str, database_url: str) -> dict[str, Any]:
    shoppers = _shoppers(database_url)
    await http_load.saturate(port, "/generations", _order(shoppers), connections=4, for_s=WARM_UP_S)
    generations = await _generations(port, shoppers)
    sse = await _sse(service, port, redis_url, _tasks(database_url, CLIENTS))
    stop = await _stop(service, port, _tasks(database_url, STREAMS_AT_STOP))
    return {"sse": sse, "generations": generations, "stop": stop}


async def _generations(port: int, shoppers: list[str]) -> dict[str, Any]:
    saturated = await http_load.saturate(
        port, "/generations", _order(shoppers), connections=CONNECTIONS, for_s=THROUGHPUT_S
    )
    steady = await http_load.steady(port, "/generations", _order(shoppers), per_s=STEADY_PER_S, for_s=STEADY_S)
    return {
        "per_s": round(saturated.per_s, 1),
        "p99_ms": round(steady.p99_ms, 1),
        "accepted": saturated.statuses.get(202, 0) + steady.statuses.get(202, 0),
        "refused": sum(n for load in (saturated, steady) for status, n in load.statuses.items() if status != 202),  # noqa: PLR2004  Accepted
    }


async def _sse(service: Process, port: int, redis_url: str, task_ids: list[str]) -> dict[str, Any]:
    before_mb = usage.rss_mb(service.pid)
    listeners, streams = await sse_load.open_all(port, task_ids)
    growth_kib = (usage.rss_mb(service.pid) - before_mb) * usage.MB / 1024
    client = async_client(redis_url, max_connections=4)
    latencies = await sse_load.publish_all(ProgressLog(client, ttl_s=600), listeners)
    await client.aclose()
    ended = sum(stream.done() for stream in streams)
    return {
        "clients": len(listeners),
        "terminal_exactly_once": sum(listener.terminal == 1 for listener in listeners),
        "ended": ended,
        "p99_ms": round(percentile(latencies, 0.99), 1),
        "kib_each": round(growth_kib / len(listeners), 1),
    }


async def _stop(service: Process, port: int, task_ids: list[str]) -> dict[str, Any]:
    listeners, streams = await sse_load.open_all(port, task_ids)
    started = time.monotonic()
    service.ask_to_stop()
    await asyncio.gather(*streams)
    await asyncio.to_thread(service.wait)
    seconds = time.monotonic() - started
    return {
        "streams": len(listeners),
        "hinted": sum(listener.hinted for listener in listeners),
        "seconds": round(seconds, 2),
    }


def _shoppers(database_url: str) -> list[str]:
    shoppers = [str(uuid.uuid4()) for _ in range(SHOPPERS)]
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("insert into user_credits (user_id, balance) select unnest(%s::text[]), 1000000", [shoppers])
    return shoppers


def _order(shoppers: list[str]) -> Callable[[int], bytes]:
    body = {
        "channel": "b2c",
        "model_image_url": "https://pictures.example/person.jpg",
        "outfit_image_url": "https://pictures.example/dress.jpg",
        "prompt": "In a bright studio",
    }
    bodies = [json.dumps(body | {"user_id": shopper}).encode() for shopper in shoppers]
    return lambda number: bodies[number % len(bodies)]


def _tasks(database_url: str, count: int) -> list[str]:
    task_ids = [str(uuid.uuid4()) for _ in range(count)]
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(
            "insert into darkroom_jobs (task_id, session_id, product, owner_id, channel, request_id, payload, state)"
            " select id, id, 'tryon', 'shopper', 'b2c', 'bench', '{}', 'running' from unnest(%s::text[]) as id",
            [task_ids],
        )
    return task_ids


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _within_bounds(data: dict[str, Any]) -> bool:
    sse, generations, stop = data["sse"], data["generations"], data["stop"]
    return bool(
        sse["terminal_exactly_once"] == sse["clients"] == sse["ended"]
        and sse["p99_ms"] <= MAX_P99_MS
        and sse["kib_each"] <= MAX_KIB_EACH
        and generations["per_s"] >= MIN_PER_S
        and generations["p99_ms"] <= MAX_P99_MS
        and stop["hinted"] == stop["streams"]
        and stop["seconds"] <= MAX_STOP_S
    )


def _view(data: dict[str, Any]) -> Table:
    table = Table("measurement", "measured", "required", title="HTTP", title_justify="left")
    sse, generations, stop = data["sse"], data["generations"], data["stop"]
    table.add_row("streams with exactly one terminal event", str(sse["terminal_exactly_once"]), str(sse["clients"]))
    table.add_row("p99 from publish to client, ms", str(sse["p99_ms"]), f"at most {MAX_P99_MS:.0f}")
    table.add_row("memory per stream, KiB", str(sse["kib_each"]), f"at most {MAX_KIB_EACH:.0f}")
    table.add_row("orders per second", str(generations["per_s"]), f"at least {MIN_PER_S:.0f}")
    table.add_row("p99 at 100 orders per second, ms", str(generations["p99_ms"]), f"at most {MAX_P99_MS:.0f}")
    table.add_row(f"seconds to stop with {stop['streams']} streams", str(stop["seconds"]), f"at most {MAX_STOP_S:.0f}")
    return table
