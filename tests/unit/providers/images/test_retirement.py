from __future__ import annotations

from datetime import date, timedelta

import pytest

from providers.images.config import ProviderConfig
from providers.images.mock.provider import from_config
from providers.images.mock.settings import MockSettings
from providers.images.retirement import Level, ModelStatus, finding, model_status

TODAY = date(2026, 11, 25)


def status(days: int | None, *, available: bool = True) -> ModelStatus:
    end = None if days is None else TODAY + timedelta(days=days)
    return ModelStatus(model="m-1", setting="OPENAI_MODEL", available=available, shutdown_date=end)


@pytest.mark.parametrize(
    ("days", "level"),
    [
        (None, Level.OK),
        (365, Level.OK),
        (90, Level.OK),
        (89, Level.WARNING),
        (1, Level.WARNING),
        (0, Level.FAULT),
        (-30, Level.FAULT),
    ],
)
def test_the_severity_depends_on_the_remaining_days(days: int | None, level: Level) -> None:
    found = finding(status(days), TODAY)
    assert found.level is level
    assert status(days).days_left(TODAY) == days
    if days is not None:
        assert str(TODAY + timedelta(days=days)) in found.sentence
    if level is not Level.OK:
        assert "OPENAI_MODEL" in found.sentence


def test_an_unavailable_model_is_a_fault_regardless_of_its_date() -> None:
    for days in (None, 365):
        found = finding(status(days, available=False), TODAY)
        assert found.level is Level.FAULT
        assert "OPENAI_MODEL" in found.sentence


async def test_a_provider_without_such_an_api_gives_no_status() -> None:
    assert await model_status(from_config(ProviderConfig(mock_mode=True, settings=MockSettings()))) is None
