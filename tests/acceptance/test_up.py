from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import psutil
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SERVICES = {"REDIS_URL", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"}


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        own = {"DATA_DIR": folder, "PORT": port, "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8"}
        yield {name: value for name, value in os.environ.items() if name not in SERVICES} | own


def folder_of(env: dict[str, str]) -> Path:
    return Path(env["DATA_DIR"])


def manage(env: dict[str, str], *words: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--json"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_up_runs_everything_until_it_is_told_to_stop(env: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "up", "--json"],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as up:  # fmt: skip
        assert up.stdout is not None
        assert up.stderr is not None
        serves = False
        for line in up.stderr:
            serves = serves or "Listening at" in line
            if serves and "worker_started" in line:
                break
        # Nobody reads on: what is logged from here on must not fill the pipe.
        threading.Thread(target=up.stderr.read, daemon=True).start()
        family = psutil.Process(up.pid).children(recursive=True)
        assert {"valkey-server", "postgres"} <= {process.name() for process in family}

        assert manage(env, "status")[0] == 0
        code, data = manage(env, "up")
        assert code == 1
        assert str(data["error"]).startswith("Darkroom is running in ")

        Image.new("RGB", (640, 960), (200, 60, 120)).save(folder_of(env) / "me.jpg")
        code, data = manage(env, "enqueue", str(folder_of(env) / "me.jpg"), "--prompt", "a red coat")
        assert (code, data["state"]) == (0, "completed")
        (url,) = cast("list[str]", data["urls"])
        with Image.open(BytesIO(httpx.get(url).raise_for_status().content)) as picture:
            assert picture.size == (1024, 1536)

        up.send_signal(signal.SIGTERM)
        assert up.wait(timeout=60) == 0
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert manage(env, "status")[0] == 1
