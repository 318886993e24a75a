"""Every Redis key of the source is described in schemas/keys.py."""

from __future__ import annotations

import ast
from pathlib import Path

from schemas import keys

ROOT = Path(__file__).parents[3]
FOLDERS = ("actors", "commands", "http", "pipelines", "providers", "schemas")


def literals() -> dict[str, str]:
    """`{beginning of a key, up to its first variable part: file}`."""
    found = {}
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and str(node.value).startswith(("darkroom:", "task_updates:")):
                    key = str(node.value)
                    if "\n" not in key:
                        found[key.partition("{")[0].rstrip(":")] = str(path.relative_to(ROOT))
    return found


def test_every_key_is_described_in_the_list_of_keys() -> None:
    found = literals()
    assert len(found) > 15
    described = keys.__doc__ or ""
    assert {key: file for key, file in found.items() if f"`{key}" not in described} == {}
