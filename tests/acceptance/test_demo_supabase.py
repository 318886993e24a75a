from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = {"REDIS_URL", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"}


def test_the_whole_demo_runs_through_a_local_supabase() -> None:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as home:
        Path(home).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        env = {name: value for name, value in os.environ.items() if name not in SERVICES} | {"DATA_DIR": home}
        done = subprocess.run(
            [sys.executable, "manage.py", "demo", "--local-supabase", "--json"],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        shown = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == 0
        assert shown["completed"] + shown["failed"] == shown["tasks"] >= 14
        assert shown["failed"] == shown["refunded"] > 0
        pictures = list(Path(shown["gallery"]).parent.glob("results/*.jpg"))
        assert len(pictures) >= shown["completed"] >= 12
        assert not (Path(home) / "storage").exists()  # the pictures came out of the buckets
