"""A short run of `manage.py chaos`, with leases short enough that recoveries fit in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: With this seed the first two faults are the loss of a worker.
SEED = "61"


def test_a_short_run_of_chaos_loses_nothing_and_adds_up(tmp_path: Path) -> None:
    """Given load, when workers, Valkey, PostgreSQL and the provider fail in turn, then every rule holds."""
    tmp_path.chmod(0o711)  # as root, PostgreSQL runs as another account
    settings = {"DATA_DIR": str(tmp_path), "LEASE_S": "2", "RECOVERY_INTERVAL_S": "0.5", "SHUTDOWN_GRACE_S": "2"}

    done = subprocess.run(
        [sys.executable, "manage.py", "chaos", "--minutes", "0.5", "--seed", SEED, "--json"],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip

    ledger = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, ledger["broken"]) == (0, []), done.stderr
    assert ledger["tasks"] == ledger["terminal"] == ledger["completed"] + ledger["failed"] > 20
    assert (ledger["lost"], ledger["double_refunds"], ledger["extra_paid_calls_workers_alive"]) == (0, 0, 0)
    assert ledger["refunds"] == ledger["failed"]
    assert ledger["faults"].get("kill_child", 0) + ledger["faults"].get("kill_master", 0) >= 2
    assert set(ledger["kinds"]) == {"resumable", "not_resumable"}
