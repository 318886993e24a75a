"""No two modules define public classes of the same name: a name that is read once means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "commands", "devtools", "http", "pipelines", "providers", "schemas")
#: Names that may occur twice, with the reason.
EXCEPTIONS: dict[str, str] = {
    "PhotoRequest": "a photo for the size recommendation, and the body of POST /photos",
    "Picture": "a decoded photo for the pose model, and a picture of a job",
    "Task": "the base of the task payloads, and the HTTP resource /tasks/{task_id}",
    "Tokens": "API tokens of callers, and tokens that a model consumed",
}


def test_public_class_names_are_unique() -> None:
    found = defaultdict(list)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(file.relative_to(ROOT)))
    repeated = {name: files for name, files in found.items() if len(files) > 1}
    assert {name: files for name, files in repeated.items() if name not in EXCEPTIONS} == {}
    assert set(EXCEPTIONS) <= set(repeated), "an exception is no longer needed"
