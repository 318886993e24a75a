from __future__ import annotations

import re
from pathlib import Path

from settings import Settings

EXAMPLE = (Path(__file__).parents[2] / ".env.example").read_text()
LISTED = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_example_lists_every_setting_and_no_other() -> None:
    assert set(LISTED) == {name.upper() for name in Settings.model_fields}


def test_the_example_shows_the_defaults() -> None:
    written = {name.lower(): value for name, value in LISTED.items() if value}
    shown, defaults = Settings.model_validate(written), Settings.model_construct()
    assert {name: getattr(shown, name) for name in written} == {name: getattr(defaults, name) for name in written}


def test_the_example_says_what_each_setting_is_for() -> None:
    for field in Settings.model_fields.values():
        assert f"# {field.description}\n#" in EXAMPLE
