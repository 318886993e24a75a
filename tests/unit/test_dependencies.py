"""Every runtime dependency in pyproject.toml is imported by the source."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "commands", "devtools", "http", "pipelines", "providers", "schemas")


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    return {normalized(re.split(r"[\[<>=~! ;]", line)[0]) for line in requirements}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules() -> set[str]:
    found = set()
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    for file in (*files, ROOT / "settings.py", ROOT / "manage.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
            elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))  # `find_spec("module")`
    return found


def test_every_dependency_is_imported() -> None:
    distributions = packages_distributions()
    used = {normalized(name) for module in imported_modules() for name in distributions.get(module, ())}
    assert sorted(declared() - used) == []
