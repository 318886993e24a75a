from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import psutil
import pytest
from PIL import Image

from commands.local.picture_host import ImageHost
from providers.local_services import attach
from tests.faults.deployment import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README_PUSH = re.compile(r"```sh\n(eval .*?LPUSH.*?)```", re.DOTALL)
#: Stands for redis-cli: it knows LPUSH only, and its server is fixed.
REDIS_CLI = """#!{python}
import sys
import redis
command, name, value = sys.argv[1:]
assert command == "LPUSH"
redis.Redis.from_url("{url}").lpush(name, value)
"""
SERVICES = {"REDIS_URL", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"}


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        own = {"DATA_DIR": folder, "PORT": port}
        unset = SERVICES | {"FETCH_ALLOWED_NETWORKS"}
        yield {name: value for name, value in os.environ.items() if name not in unset} | own


def data_dir(env: dict[str, str]) -> Path:
    return Path(env["DATA_DIR"])


def manage(env: dict[str, str], *words: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--json"], cwd=ROOT, env=env, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_up_runs_everything_until_sigterm(env: dict[str, str]) -> None:
    log = data_dir(env) / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--json"], cwd=ROOT, env=env, stdout=output, stderr=output
        )
    try:
        wait_for(
            lambda: {"Listening at", "worker_started"} <= start_messages(log), 90, f"the start ({log.read_text()})"
        )
        family = psutil.Process(up.pid).children(recursive=True)
        assert {"valkey-server", "postgres"} <= {process.name() for process in family}

        assert manage(env, "status")[0] == 0
        code, data = manage(env, "up")
        assert code == 1
        assert str(data["error"]).startswith("Darkroom is running in ")

        Image.new("RGB", (640, 960), (200, 60, 120)).save(data_dir(env) / "me.jpg")
        code, data = manage(env, "enqueue", str(data_dir(env) / "me.jpg"), "--prompt", "a red coat")
        assert (code, data["state"]) == (0, "completed")
        (url,) = cast("list[str]", data["urls"])
        with Image.open(BytesIO(httpx.get(url).raise_for_status().content)) as picture:
            assert picture.size == (1024, 1536)

        follow_readme(env, data_dir(env) / "me.jpg")

        up.send_signal(signal.SIGTERM)
        assert up.wait(timeout=60) == 0
    finally:
        up.kill()
        up.wait()
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert manage(env, "status")[0] == 1


def follow_readme(env: dict[str, str], photo: Path) -> None:
    """Run the README's example of a push as it is written, with this Python, Redis and pictures."""
    example = README_PUSH.search((ROOT / "README.md").read_text())
    assert example
    programs = data_dir(env) / "bin"
    programs.mkdir()
    endpoints = attach(data_dir(env))
    assert endpoints
    (programs / "redis-cli").write_text(REDIS_CLI.format(python=sys.executable, url=endpoints.redis_url))
    (programs / "redis-cli").chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), env["PATH"]])
    with ImageHost() as host:
        shared = re.sub(r"https://shop\.example/\w+\.jpg", host.share(photo), example[1])
        script = f"{shared.replace('.venv/bin/python', sys.executable)}\necho $task_id"
        done = subprocess.run(
            ["sh", "-ec", script], cwd=ROOT, env=env | {"PATH": path}, capture_output=True, text=True, check=True
        )
        task = done.stdout.splitlines()[-1]
        wait_for(lambda: manage(env, "status", task)[1].get("state") == "completed", 60, f"the task ({done.stdout})")


def start_messages(log: Path) -> set[str]:
    """Return the messages in the log that announce a started service and worker."""
    text = log.read_text()
    return {message for message in ("Listening at", "worker_started") if message in text}
