from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import manage
from commands.cli import VERSION

ROOT = Path(__file__).parents[3]


def names() -> list[list[str]]:
    """Every command and group, as the words that call it."""
    found: list[list[str]] = [[]]
    for name, command in get_command(manage.app).commands.items():  # type: ignore[attr-defined]
        found += [[name], *([name, inner] for inner in getattr(command, "commands", {}))]
    return found


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    assert CliRunner().invoke(manage.app, ["--version"]).stdout == f"Darkroom {VERSION}\n"


@pytest.mark.parametrize("words", names(), ids=" ".join)
def test_help_fits_80_columns_and_shows_no_python_types(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(manage.app, [*words, "--help"]).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"<\w+|\{|x>=|range|None", text)
    assert not re.search(r"[a-z]\.\.\.$", text, re.MULTILINE), "a sentence is cut off"


@pytest.mark.parametrize("words", [words for words in names() if len(words) == 2 or words == ["status"]], ids=" ".join)
def test_the_examples_of_a_command_are_valid_calls(words: list[str]) -> None:
    text = CliRunner().invoke(manage.app, [*words, "--help"]).stdout
    examples = text.partition("Examples:\n")[2].splitlines()
    assert examples
    assert all(line.startswith(f"  python manage.py {' '.join(words)}") for line in examples)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["status", "--nonsense"], "No such option: --nonsense"),
        (["status", "--limit", "0"], "Invalid value for '--limit': Input should be greater than or equal to 1"),
        (["cancel"], "Missing argument"),
        (["credits", "add", "anna"], "Missing argument"),
        (["session", "new"], "give one owner: --user, --store or --workspace"),
    ],
)
def test_a_usage_error_is_exit_code_2_and_with_json_one_object(words: list[str], sentence: str) -> None:
    done = CliRunner().invoke(manage.app, [*words, "--json"])
    assert done.exit_code == 2
    assert sentence in json.loads(done.stdout)["error"]
    assert sentence in done.stderr
    plain = CliRunner().invoke(manage.app, words)
    assert (plain.exit_code, plain.stdout) == (2, "")


def test_json_before_the_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(manage.app, ["--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"].startswith("No such option: --json")
