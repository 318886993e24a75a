"""The deployment's files, parsed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
QUADLET = DEPLOY / "quadlet"


def read(path: Path) -> Any:
    """A YAML file of one document."""
    return yaml.safe_load(path.read_text())


def compose() -> dict[str, Any]:
    """The compose file."""
    found: dict[str, Any] = read(ROOT / "podman-compose.yml")
    return found


def kube() -> tuple[dict[str, Any], dict[str, Any]]:
    """The ConfigMap and the Pod."""
    settings, pod = yaml.safe_load_all((DEPLOY / "kube.yaml").read_text())
    return settings, pod


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """A unit file's sections; a key may come several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            current.setdefault(key, []).append(value)
    return sections
