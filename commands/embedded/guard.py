"""Runs one server that must not outlive its owner, however the owner ends.

Started as a script by `process.py`, with a pipe for standard input that only the owner holds. The pipe's end, which
even SIGKILL of the owner brings about, stops the server. The script imports nothing of ours, so that it starts in
milliseconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Any

#: How long the server may take after the stop signal, seconds.
STOP_S = 10.0


def main() -> int:
    """Start the server that `argv[1]` describes, print its process id, wait for it or for the pipe's end."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    who = {"user": order["uid"], "group": order["gid"], "extra_groups": []} if order["uid"] is not None else {}
    with open(order["log"], "ab") as log:  # noqa: PTH123  pathlib would double the time to start
        server = subprocess.Popen(  # noqa: S603  the command is our own
            order["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=order["cwd"], umask=0o077, **who
        )
    print(server.pid, flush=True)  # noqa: T201  the owner reads it
    threading.Thread(target=_stop_with_owner, args=(server, order["stop_signal"]), daemon=True).start()
    return server.wait()


def _stop_with_owner(server: subprocess.Popen[bytes], stop_signal: int) -> None:
    while os.read(sys.stdin.fileno(), 1):  # nothing is ever written
        pass
    server.send_signal(stop_signal)
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    sys.exit(main())
