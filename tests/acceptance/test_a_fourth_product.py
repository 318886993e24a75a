"""Apply docs/a-fourth-product.md to a copy of the repository and run a task of the new product there."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from commands.local.embedded import Embedded

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "a-fourth-product.md"
COPIED = ("schemas", "providers", "pipelines", "actors", "settings.py")
TARGET = r"(?:Create `(?P<new>[^`]+)`|In `(?P<old>[^`]+)`, below `(?P<anchor>[^`]+)`)"
STEP = re.compile(TARGET + r"[^`]*?:\n\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)


def apply_steps(copy: Path) -> list[str]:
    """Apply the steps of the page and return the changed files."""
    changed = []
    for step in STEP.finditer(PAGE.read_text()):
        file = copy / (step["new"] or step["old"])
        changed.append(str(file.relative_to(copy)))
        if step["new"]:
            assert not file.exists()
            file.write_text(step["text"])
        else:
            before, anchor, after = file.read_text().rpartition(f"\n{step['anchor']}\n")
            assert anchor, f"{file} has no line {step['anchor']!r} any more"
            file.write_text(f"{before}{anchor}{step['text']}{after}")
    return changed


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


@pytest.fixture
def own_database(embedded: Embedded) -> Iterator[str]:
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute("create database postcards")
        yield embedded.postgres.url_of("postcards")
        connection.execute("drop database postcards with (force)")


def run(copy: Path, code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_makes_a_product(
    copy: Path, own_database: str, redis_url: str, redis_client: redis.Redis, flush_redis: None  # noqa: ARG001  starts empty
) -> None:  # fmt: skip
    assert apply_steps(copy) == [
        "schemas/common.py",
        *["schemas/tasks.py"] * 3,
        "pipelines/products/postcard.py",
        *["pipelines/products/__init__.py"] * 2,
        "providers/images/provider_set.py",
        "schemas/tables/postcard.sql",
    ]
    run(copy, f"from providers.records.migrate import migrate; migrate({own_database!r})")
    found = run(copy, "from pipelines.products import PRODUCTS; print(*PRODUCTS)")
    assert found.split() == ["tryon", "avatar", "images", "postcard"]

    redis_client.lpush("cards:tasks:postcard", json.dumps(task_of_page()))
    env = {"REDIS_URL": redis_url, "DATABASE_URL": own_database, "DATA_DIR": str(copy / "var")}
    with (copy / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "dramatiq", "actors", "--processes", "1"],
            cwd=copy, env=os.environ | env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        assert state_of_job(own_database, worker) == "completed", (copy / "worker.log").read_text()
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    with Image.open(copy / "var/storage/images/postcards/anna/card-1.jpg") as picture:
        assert picture.size == (1536, 1024)


def task_of_page() -> dict[str, str]:
    example = re.search(r"lpush cards:tasks:postcard '([^']+)'", PAGE.read_text())
    assert example
    task: dict[str, str] = json.loads(example[1])
    return task


def state_of_job(database_url: str, worker: subprocess.Popen[bytes]) -> str:
    """Return the state of the only job once it has ended."""
    deadline = time.monotonic() + 60
    with psycopg.connect(database_url, autocommit=True) as connection:
        while time.monotonic() < deadline and worker.poll() is None:
            row = connection.execute(
                "select state from darkroom_jobs where state in ('completed', 'failed')"
            ).fetchone()
            if row:
                return str(row[0])
            time.sleep(0.1)
    return "unfinished"
