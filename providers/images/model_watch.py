"""Asks providers once a day about the models in use and stores the answers in Redis for `/metrics`.

| key | type | value | lifetime |
|---|---|---|---|
| `darkroom:models` | hash | a field per provider: `StatusAnswer` as JSON | an answer is used for `KEEP_S` |
| `darkroom:models:asking:{provider}` | string | set while a worker asks | `CLAIM_S` |
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError

from providers.images.retirement import Level, ModelStatus, TellsModelStatus, finding, model_status, today
from schemas.common import Frozen
from schemas.errors import DarkroomError
from schemas.keys import MODELS, asking_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from redis.asyncio import Redis

    from providers.images.base import ImageProvider

#: Age at which an answer is renewed, seconds.
ASK_AGAIN_S = 86_400
#: Interval between checks for due questions, seconds; a failed question is due at the next check.
CHECK_INTERVAL_S = 3600.0
#: Time for which one worker claims a question, seconds.
CLAIM_S = 60
#: Age from which an answer is left out of the metrics, seconds.
KEEP_S = 3 * 86_400

_log = structlog.get_logger(__name__)


class StatusAnswer(Frozen):
    """The status that a provider reported, and the Unix time of the question, seconds."""

    status: ModelStatus
    asked_at: float


class ModelWatch:
    """Renews the answers about the models of providers; all workers share the work."""

    def __init__(self, providers: Iterable[ImageProvider], client: Redis) -> None:
        """Watch the providers that report a status; the caller closes `client`."""
        self._providers = [provider for provider in providers if isinstance(provider, TellsModelStatus)]
        self._redis = client
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Check now and every `CHECK_INTERVAL_S` until closed, on the running event loop."""
        if self._providers:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Stop checking."""
        if self._running:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def run_once(self) -> None:
        """Ask each provider whose answer is missing, about another model, or older than `ASK_AGAIN_S`."""
        known = await answers(self._redis)
        for provider in self._providers:
            answer = known.get(provider.name)
            due = answer is None or time.time() - answer.asked_at > ASK_AGAIN_S or answer.status.model != provider.model
            if due and await self._redis.set(asking_model(provider.name), 1, nx=True, ex=CLAIM_S):
                await self._ask(provider)

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once()
            except RedisError as error:
                _log.warning("model_status_not_kept", error=type(error).__name__)
            # Spreads the checks of workers that started together.
            await asyncio.sleep(CHECK_INTERVAL_S * random.uniform(0.9, 1.1))  # noqa: S311  spreads load, guards nothing

    async def _ask(self, provider: TellsModelStatus) -> None:
        try:
            status = await model_status(provider)
        except DarkroomError as error:
            _log.warning("model_status_unknown", provider=provider.name, code=error.error_code)
            return
        except Exception as error:  # noqa: BLE001  a third-party provider may raise anything; the others must still be asked
            _log.warning("model_status_unknown", provider=provider.name, code=type(error).__name__)
            return
        if status is None:
            return
        answer = StatusAnswer(status=status, asked_at=time.time())
        await self._redis.hset(MODELS, provider.name, answer.model_dump_json())
        found = finding(status, today())
        if found.level is not Level.OK:
            _log.warning("model_ends", provider=provider.name, sentence=found.sentence, **status.model_dump())


async def answers(client: Redis) -> dict[str, StatusAnswer]:
    """Return the answers younger than `KEEP_S`, by provider.

    Raises:
        redis.exceptions.RedisError: Redis can't be read.
    """
    found: dict[str, StatusAnswer] = {}
    for name, value in (await client.hgetall(MODELS)).items():
        with contextlib.suppress(ValidationError):  # written by another version, which renews it itself
            answer = StatusAnswer.model_validate_json(value)
            if time.time() - answer.asked_at < KEEP_S:
                found[name.decode() if isinstance(name, bytes) else name] = answer
    return found


def gauges(
    found: Mapping[str, StatusAnswer], day: date
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Return whether models are offered (1 or 0) and the days until their announced end, by provider and model."""
    offered: dict[tuple[str, str], float] = {}
    days: dict[tuple[str, str], float] = {}
    for provider, answer in found.items():
        status = answer.status
        offered[provider, status.model] = float(status.available)
        if (left := status.days_left(day)) is not None:
            days[provider, status.model] = left
    return offered, days
