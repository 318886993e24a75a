"""`/health`, `/health/live` and `/health/ready`: they need no token and answer within `DEADLINE_S` seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import redis.asyncio
import redis.exceptions
from falcon.asgi import Request, Response

from api.operations import Operation
from providers.records.orders import Orders
from providers.redis_clients import server_time_ms
from schemas import keys
from schemas.errors import DarkroomError
from schemas.http import Alive, Health

#: Deadline of each check, in seconds.
DEADLINE_S = 1.5
#: Age of a heartbeat at which a worker counts as lost, in seconds.
WORKER_SILENCE_S = 30.0


class Checks:
    """Checks Redis, the database and the workers concurrently."""

    def __init__(self, sessions: Orders, client: redis.asyncio.Redis, size_model_loaded: Callable[[], bool]) -> None:
        """Check the database through `sessions` and Redis through `client`."""
        self._sessions, self._client, self._size_model_loaded = sessions, client, size_model_loaded

    async def _workers(self) -> int:
        since = await server_time_ms(self._client) - WORKER_SILENCE_S * 1000
        return int(await self._client.zcount(keys.HEARTBEATS, since, "+inf"))

    async def run(self) -> Health:
        """Return the results after at most `DEADLINE_S` seconds."""
        redis_ms, database_ms, workers = await asyncio.gather(
            _timed(self._client.ping()),
            _timed(self._sessions.ping()),
            _with_deadline(self._workers()),
        )
        all_connected = redis_ms is not None and database_ms is not None and bool(workers)
        return Health(
            status="ok" if all_connected else "degraded",
            size_rec_model_loaded=self._size_model_loaded(),
            redis_connected=redis_ms is not None,
            workers_connected=bool(workers),
            database_connected=database_ms is not None,
            workers=workers or 0,
            redis_ms=redis_ms,
            database_ms=database_ms,
        )


class HealthResource:
    """The health of the service and its dependencies; always 200."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("Health of the service and its dependencies.", {200: Health})
    }

    def __init__(self, checks: Checks) -> None:
        """Run `checks`."""
        self._checks = checks

    async def on_get(self, _: Request, resp: Response) -> None:
        """Return the results."""
        _write(resp, await self._checks.run())


class Live:
    """Liveness of the process."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation("The process answers.", {200: Alive})}

    async def on_get(self, _: Request, resp: Response) -> None:
        """Return 200."""
        _write(resp, Alive())


class Ready:
    """Readiness for orders: 503 while Redis or the database is unavailable, or this process is shutting down."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("Readiness for orders; 503 with the same body if not ready.", {200: Health, 503: Health})
    }

    def __init__(self, checks: Checks, draining: Callable[[], bool]) -> None:
        """Run `checks`; `draining` returns whether this process is shutting down."""
        self._checks, self._draining = checks, draining

    async def on_get(self, _: Request, resp: Response) -> None:
        """Return the results."""
        health = await self._checks.run()
        ready = health.redis_connected and health.database_connected and not self._draining()
        _write(resp, health)
        resp.status = 200 if ready else 503


async def _with_deadline(call: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await call
    except (redis.exceptions.RedisError, DarkroomError, TimeoutError, OSError):
        return None


async def _timed(call: Awaitable[Any]) -> float | None:
    started = time.monotonic()

    async def succeed() -> bool:
        await call
        return True

    if not await _with_deadline(succeed()):
        return None
    return round((time.monotonic() - started) * 1000, 1)


def _write(resp: Response, answer: Health | Alive) -> None:
    resp.content_type = "application/json"
    resp.data = answer.model_dump_json().encode()
