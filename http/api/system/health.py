"""`/health`, `/health/live`, `/health/ready`: open to everybody, and never slow."""

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

#: What has not answered within this is not connected, seconds.
DEADLINE_S = 1.5
#: A worker silent for longer is gone, seconds.
WORKER_SILENCE_S = 30.0


class Checks:
    """Asks everything that the service depends on, side by side."""

    def __init__(self, sessions: Orders, client: redis.asyncio.Redis, size_model_loaded: Callable[[], bool]) -> None:
        """Ask the database through `sessions`, Redis through `client`."""
        self._sessions, self._client, self._size_model_loaded = sessions, client, size_model_loaded

    async def _workers(self) -> int:
        since = await server_time_ms(self._client) - WORKER_SILENCE_S * 1000
        return int(await self._client.zcount(keys.HEARTBEATS, since, "+inf"))

    async def run(self) -> Health:
        """How everything is, after at most `DEADLINE_S` seconds."""
        redis_ms, database_ms, workers = await asyncio.gather(
            _timed(self._client.ping()),
            _timed(self._sessions.ping()),
            _answer(self._workers()),
        )
        everything = redis_ms is not None and database_ms is not None and bool(workers)
        return Health(
            status="ok" if everything else "degraded",
            size_rec_model_loaded=self._size_model_loaded(),
            redis_connected=redis_ms is not None,
            workers_connected=bool(workers),
            database_connected=database_ms is not None,
            workers=workers or 0,
            redis_ms=redis_ms,
            database_ms=database_ms,
        )


class HealthResource:
    """How everything is, for people and monitors; always 200."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("How the service and what it depends on are.", {200: Health})
    }

    def __init__(self, checks: Checks) -> None:
        """Ask `checks`."""
        self._checks = checks

    async def on_get(self, _: Request, resp: Response) -> None:
        """The checks' results."""
        _write(resp, await self._checks.run())


class Live:
    """Whether the process answers."""

    operations: ClassVar[Mapping[str, Operation]] = {"GET": Operation("The process answers.", {200: Alive})}

    async def on_get(self, _: Request, resp: Response) -> None:
        """Yes."""
        _write(resp, Alive())


class Ready:
    """Whether orders can be taken: 503 while Redis or the database is away, or this process is about to end."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("Orders can be taken; 503 with the same body if not.", {200: Health, 503: Health})
    }

    def __init__(self, checks: Checks, draining: Callable[[], bool]) -> None:
        """Ask `checks`, and `draining` whether this process is about to end."""
        self._checks, self._draining = checks, draining

    async def on_get(self, _: Request, resp: Response) -> None:
        """The checks' results."""
        health = await self._checks.run()
        ready = health.redis_connected and health.database_connected and not self._draining()
        _write(resp, health)
        resp.status = 200 if ready else 503


async def _answer(call: Awaitable[Any]) -> Any:
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

    if not await _answer(succeed()):
        return None
    return round((time.monotonic() - started) * 1000, 1)


def _write(resp: Response, answer: Health | Alive) -> None:
    resp.content_type = "application/json"
    resp.data = answer.model_dump_json().encode()
