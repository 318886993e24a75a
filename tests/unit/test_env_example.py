from __future__ import annotations

import re
from pathlib import Path

from providers.environment import EnvironmentSettings
from providers.images.registry import settings_models
from settings import Settings, every_setting

EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text()
LISTED = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_example_lists_every_setting_and_no_other() -> None:
    assert set(LISTED) == set(every_setting())


def test_the_example_shows_the_defaults() -> None:
    models: list[type[EnvironmentSettings]] = [Settings, *settings_models().values()]
    for model in models:
        written = {name: LISTED[variable] for name, variable in model.variables().items() if LISTED[variable]}
        shown, defaults = model.model_validate(written), model.model_construct()
        assert {name: getattr(shown, name) for name in written} == {name: getattr(defaults, name) for name in written}


def test_the_example_explains_each_setting() -> None:
    for field in every_setting().values():
        assert f"# {field.description}\n#" in EXAMPLE
