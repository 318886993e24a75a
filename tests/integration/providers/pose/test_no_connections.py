"""Body photos belong to the people on them: estimating opens no connection, in Python or in native code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.integration.providers.pose.model import ROOT, installed_model

#: Estimates for some seconds while a thread looks, every millisecond, at the sockets that the process has open.
WATCHED = """
import json, os, socket, sys, threading, time
from pathlib import Path

seen, done = set(), threading.Event()

def sockets():
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            yield target

def watch():
    while not done.is_set():
        seen.update(sockets())
        time.sleep(0.001)

watcher = threading.Thread(target=watch)
watcher.start()
if sys.argv[2] == "control":
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    time.sleep(0.2)
    connection.close()
    estimates = 0
else:
    import numpy as np
    from devtools.pictures.synthetic_person import draw_person
    from providers.pose.mediapipe import MediaPipeEstimator
    estimator, picture = MediaPipeEstimator(Path(sys.argv[1])), np.asarray(draw_person())
    until, estimates = time.monotonic() + 3, 0
    while time.monotonic() < until:
        assert estimator.detect(picture)
        estimates += 1
    estimator.close()
    time.sleep(0.2)
done.set()
watcher.join()
print(json.dumps({"sockets": sorted(seen), "estimates": estimates}))
"""


def watched(what: str) -> Any:
    command = [sys.executable, "-c", WATCHED, str(installed_model()), what]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_watcher_sees_a_socket_when_there_is_one() -> None:
    assert len(watched("control")["sockets"]) == 1


def test_no_socket_is_opened_while_poses_are_estimated() -> None:
    found = watched("estimate")

    assert found["estimates"] >= 10
    assert found["sockets"] == []
