from __future__ import annotations

from typing import TYPE_CHECKING

import dramatiq
import pytest
from pydantic import SecretStr

from actors import app, queues
from pipelines.engine.stage_run import StageMiddleware
from pipelines.middleware import Retries
from schemas.common import StageName
from settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIDDLEWARE = [
    "LogContext", "Claims", "PhaseProgress", "StageMetrics", "Settlement", "Cancellation", "Retries",
    "TimeLimit",
]  # fmt: skip


@pytest.fixture
def global_broker() -> Iterator[None]:
    """Restores Dramatiq's global broker, and reads the settings anew for this test only."""
    before = dramatiq.get_broker()
    load.cache_clear()
    yield
    load.cache_clear()
    dramatiq.set_broker(before)


def configured() -> Settings:
    urls = {"redis_url": "redis://127.0.0.1:1/0", "database_url": "postgresql://127.0.0.1:1/none"}
    return load().model_copy(update={name: SecretStr(url) for name, url in urls.items()})


def test_an_application_declares_an_actor_for_every_stage_and_the_sweep() -> None:
    broker = app.create(configured())
    assert broker.get_declared_actors() == {*StageName, "sweep"}
    assert broker.get_declared_queues() == set(queues.QUEUES)
    broker.close()


def test_stage_middleware_of_a_third_party_can_be_added_at_any_place() -> None:
    class Extra(StageMiddleware):
        """Does nothing."""

    broker = app.create(configured())
    broker.add_middleware(Extra(), after=Retries)

    order = [type(item).__name__ for item in broker.middleware if isinstance(item, StageMiddleware)]
    assert order == [*MIDDLEWARE[:-1], "Extra", MIDDLEWARE[-1]]
    broker.close()


@pytest.mark.usefixtures("global_broker")
def test_without_configuration_the_first_use_of_the_broker_ends_the_process_with_a_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("REDIS_URL", "DATABASE_URL", "SUPABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    app.set_global_broker()

    with pytest.raises(SystemExit):
        dramatiq.get_broker().emit_after("process_boot")
    assert "Darkroom can't start: REDIS_URL" in capsys.readouterr().err
