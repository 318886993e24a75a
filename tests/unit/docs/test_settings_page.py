"""docs/settings.md holds what `manage.py settings` prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.outcome import CommandError
from commands.settings_table import BEGIN, END, SECTIONS, markdown, update_page
from settings import Settings, every_setting

PAGE = (Path(__file__).parents[3] / "docs/settings.md").read_text()


def test_the_tables_of_the_page_are_current() -> None:
    assert PAGE.partition(BEGIN)[2].partition(END)[0] == markdown(), (
        "run `python manage.py settings --update docs/settings.md`"
    )


def test_the_page_lists_every_setting_once() -> None:
    tables = PAGE.partition(BEGIN)[2].partition(END)[0]
    listed = [line.split("`")[1] for line in tables.splitlines() if line.startswith("| `")]
    assert sorted(listed) == sorted(every_setting())


def test_every_section_begins_with_a_setting_that_exists() -> None:
    assert set(SECTIONS) <= set(Settings.model_fields)


def test_update_replaces_the_tables_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "settings.md"
    page.write_text(f"# Head\n\n{BEGIN}old{END}\n\ntail\n")
    update_page(page)
    assert page.read_text() == f"# Head\n\n{BEGIN}{markdown()}{END}\n\ntail\n"


def test_update_refuses_a_page_without_a_place_for_the_tables(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.md has no lines"):
        update_page(tmp_path / "missing.md")
