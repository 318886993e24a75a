"""The files that `.containerignore` lets into the image are complete without the development tools."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOT_INCLUDED = ("devtools", "tests")


def included() -> list[Path]:
    """The files and folders that `.containerignore` takes back from its `*`."""
    lines = (ROOT / ".containerignore").read_text().splitlines()
    return [ROOT / line.removeprefix("!") for line in lines if line.startswith("!")]


def modules() -> list[Path]:
    files = [file for path in included() for file in ([path] if path.is_file() else path.rglob("*"))]
    return [file for file in files if file.suffix == ".py"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the files of the image."""
    for path in included():
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, tmp_path / path.name)
    return tmp_path


def test_only_manage_py_imports_development_tools() -> None:
    found = set()
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {file.name for name in names if name.split(".")[0] in NOT_INCLUDED}
    assert found == {"manage.py"}
    assert not {path.name for path in included()} & set(NOT_INCLUDED)


@pytest.mark.parametrize("words", [["demo"], ["chaos", "--minutes", "5"], ["bench", "inflight", "--tasks", "9"]])
def test_a_development_tool_says_that_the_image_does_not_include_it(installed: Path, words: list[str]) -> None:
    done = run(installed, *words, "--json")
    sentence = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert sentence.startswith(f"`{words[0]}` is a development tool that this installation does not include")
    assert done.stderr == f"{sentence}\n"


def test_the_help_in_the_image_lists_operator_commands_only(installed: Path) -> None:
    listed = [line.split()[0] for line in run(installed, "--help").stdout.splitlines() if line.startswith("  ")]
    assert {"up", "enqueue", "status"} < set(listed)
    assert {"demo", "chaos", "bench"}.isdisjoint(listed)


def test_enqueue_runs_in_the_image(installed: Path) -> None:
    (installed / "me.jpg").write_text("no picture")
    done = run(installed, "enqueue", "me.jpg", "--json", DATA_DIR=str(installed), FETCH_ALLOWED_NETWORKS="127.0.0.0/8")
    assert json.loads(done.stdout) == {"error": "me.jpg is not a JPEG, PNG or WebP picture."}


def run(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py` of the image with an environment of `env` alone."""
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=folder, env=env | {"PATH": "", "COLUMNS": "80"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
