from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SERVICES = {"REDIS_URL", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"}


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        yield {name: value for name, value in os.environ.items() if name not in SERVICES} | {"DATA_DIR": folder}


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
        for line in up.stderr:
            if "worker_started" in line:
                break
        family = psutil.Process(up.pid).children(recursive=True)
        assert {"valkey-server", "postgres"} <= {process.name() for process in family}

        assert manage(env, "status")[0] == 0
        code, data = manage(env, "up")
        assert code == 1
        assert str(data["error"]).startswith("Darkroom is running in ")

        up.send_signal(signal.SIGTERM)
        _, told = up.communicate(timeout=60)
        assert up.returncode == 0
        assert "Traceback" not in told
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert manage(env, "status")[0] == 1
