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
    with tempfile.TemporaryDirectory(prefix="darkroom-") as data_dir:
        Path(data_dir).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        env = {name: value for name, value in os.environ.items() if name not in SERVICES} | {"DATA_DIR": data_dir}
        done = subprocess.run(
            [sys.executable, "manage.py", "demo", "--local-supabase", "--json"],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        outcome = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == 0
        assert outcome["completed"] + outcome["failed"] == outcome["tasks"] >= 14
        assert outcome["failed"] == outcome["refunded"] > 0
        pictures = list(Path(outcome["gallery"]).parent.glob("results/*.jpg"))
        assert len(pictures) >= outcome["completed"] >= 12
        assert not (Path(data_dir) / "storage").exists()  # the pictures came out of the buckets
