"""Asks providers once a day about the models in use, and keeps the answers in Redis for `/metrics`.

| key | type | what | lives |
|---|---|---|---|
| `darkroom:models` | hash | a field per provider: `Answer` as JSON | an answer counts for `KEEP_S` |
| `darkroom:models:asking:{provider}` | string | a worker asks right now | `CLAIM_S` |
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

#: A question that was answered is asked again after this many seconds.
ASK_AGAIN_S = 86_400
#: Seconds between looks for questions that are due; after a failure the next look asks again.
LOOK_S = 3600.0
#: Seconds for which other workers leave a question to the one that asks it.
CLAIM_S = 60
#: An answer that was not renewed for this many seconds is left out of the metrics.
KEEP_S = 3 * 86_400

_log = structlog.get_logger(__name__)


class Answer(Frozen):
    """What a provider's API said, and when: Unix time, seconds."""

    status: ModelStatus
    asked_at: float


class ModelWatch:
    """Keeps the answers about the models of these providers fresh; all workers share the work."""

    def __init__(self, providers: Iterable[ImageProvider], client: Redis) -> None:
        """Watch the providers whose API tells; `client` stays its owner's to close."""
        self._providers = [provider for provider in providers if isinstance(provider, TellsModelStatus)]
        self._redis = client
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look now, and then every `LOOK_S` until closed, on the running event loop."""
        if self._providers:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Stop looking."""
        if self._running:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    async def look(self) -> None:
        """Ask what is due: never asked, asked about another model, or more than a day ago."""
        known = await answers(self._redis)
        for provider in self._providers:
            answer = known.get(provider.name)
            due = answer is None or time.time() - answer.asked_at > ASK_AGAIN_S or answer.status.model != provider.model
            if due and await self._redis.set(asking_model(provider.name), 1, nx=True, ex=CLAIM_S):
                await self._ask(provider)

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except RedisError as error:
                _log.warning("model_status_not_kept", error=type(error).__name__)
            # Workers that started together should not look together.
            await asyncio.sleep(LOOK_S * random.uniform(0.9, 1.1))  # noqa: S311  spreads load, guards nothing

    async def _ask(self, provider: TellsModelStatus) -> None:
        try:
            status = await model_status(provider)
        except DarkroomError as error:
            _log.warning("model_status_unknown", provider=provider.name, code=error.error_code)
            return
        except Exception as error:  # noqa: BLE001  a third party's provider may raise anything; the others are asked
            _log.warning("model_status_unknown", provider=provider.name, code=type(error).__name__)
            return
        if status is None:
            return
        answer = Answer(status=status, asked_at=time.time())
        await self._redis.hset(MODELS, provider.name, answer.model_dump_json())
        found = finding(status, today())
        if found.level is not Level.OK:
            _log.warning("model_ends", provider=provider.name, sentence=found.sentence, **status.model_dump())


async def answers(client: Redis) -> dict[str, Answer]:
    """The answers that still count, by provider.

    Raises:
        redis.exceptions.RedisError: Redis can't be read.
    """
    found: dict[str, Answer] = {}
    for name, value in (await client.hgetall(MODELS)).items():
        with contextlib.suppress(ValidationError):  # another version's; it asks again for itself
            answer = Answer.model_validate_json(value)
            if time.time() - answer.asked_at < KEEP_S:
                found[name.decode() if isinstance(name, bytes) else name] = answer
    return found


def gauges(found: Mapping[str, Answer], day: date) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Whether each model is offered (1 or 0), and the days until its end where one is announced; by provider, model."""
    offered: dict[tuple[str, str], float] = {}
    days: dict[tuple[str, str], float] = {}
    for provider, answer in found.items():
        status = answer.status
        offered[provider, status.model] = float(status.available)
        if (left := status.days_left(day)) is not None:
            days[provider, status.model] = left
    return offered, days
