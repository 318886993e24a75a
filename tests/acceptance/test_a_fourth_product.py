"""Follows docs/a-fourth-product.md in a copy of the repository, and has the copy make a postcard."""

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
ROOMS = ("schemas", "providers", "pipelines", "actors", "settings.py")
PLACE = r"(?:Create `(?P<new>[^`]+)`|In `(?P<old>[^`]+)`, below `(?P<anchor>[^`]+)`)"
STEP = re.compile(PLACE + r"[^`]*?:\n\n```\w+\n(?P<text>.*?)```\n", re.DOTALL)


def follow(copy: Path) -> list[str]:
    """Do what the page says; the files that were touched."""
    touched = []
    for step in STEP.finditer(PAGE.read_text()):
        file = copy / (step["new"] or step["old"])
        touched.append(str(file.relative_to(copy)))
        if step["new"]:
            assert not file.exists()
            file.write_text(step["text"])
        else:
            before, anchor, after = file.read_text().rpartition(f"\n{step['anchor']}\n")
            assert anchor, f"{file} has no line {step['anchor']!r} any more"
            file.write_text(f"{before}{anchor}{step['text']}{after}")
    return touched


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ROOMS:
        source = ROOT / room
        if source.is_dir():
            shutil.copytree(source, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / room)
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
    assert follow(copy) == [
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

    redis_client.lpush("cards:tasks:postcard", json.dumps(task_of_the_page()))
    env = {"REDIS_URL": redis_url, "DATABASE_URL": own_database, "DATA_DIR": str(copy / "var")}
    with (copy / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "dramatiq", "actors", "--processes", "1"],
            cwd=copy, env=os.environ | env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        assert state_of_the_card(own_database, worker) == "completed", (copy / "worker.log").read_text()
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    with Image.open(copy / "var/storage/images/postcards/anna/card-1.jpg") as picture:
        assert picture.size == (1536, 1024)


def task_of_the_page() -> dict[str, str]:
    pushed = re.search(r"lpush cards:tasks:postcard '([^']+)'", PAGE.read_text())
    assert pushed
    task: dict[str, str] = json.loads(pushed[1])
    return task


def state_of_the_card(database_url: str, worker: subprocess.Popen[bytes]) -> str:
    """How the job ended."""
    deadline = time.monotonic() + 60
    with psycopg.connect(database_url, autocommit=True) as connection:
        while time.monotonic() < deadline and worker.poll() is None:
            row = connection.execute("select state from darkroom_jobs where notified_at is not null").fetchone()
            if row:
                return str(row[0])
            time.sleep(0.1)
    return "not at all"
