"""Every SQL function says what it returns and who calls it, and every file in which order it locks rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from providers.records.migrate import SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted((SCHEMAS / "functions").glob("*.sql"), key=lambda path: path.name)
_FUNCTION = re.compile(r"((?:^--[^\n]*\n)*)create or replace function (darkroom_\w+)\(", re.MULTILINE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_function_has_a_comment_with_its_result_and_its_callers(path: Path) -> None:
    text = path.read_text()
    found = [(name, " ".join(comment.replace("--", "").split())) for comment, name in _FUNCTION.findall(text)]
    assert len(found) == text.count("create or replace function")
    assert [name for name, comment in found if "eturns" not in comment or "Called by" not in comment] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_of_functions_states_its_locks(path: Path) -> None:
    header = path.read_text().partition("\n\n")[0]
    assert "\n-- Locks: " in header


def test_a_function_is_defined_once() -> None:
    names = [name for path in FILES for _, name in _FUNCTION.findall(path.read_text())]
    assert sorted(names) == sorted(set(names))
