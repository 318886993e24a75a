"""Runs one program that must not outlive its owner, however the owner ends.

Started as a script by `process.py`, with a pipe for standard input that only the owner holds. The pipe's end, which
even SIGKILL of the owner brings about, stops the program and whatever it started. The script imports nothing of ours,
so that it starts in milliseconds. The program's output is the script's own standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from typing import Any

#: Seconds between looks whether the owner is still our parent.
OWNER_CHECK_S = 1.0


def main() -> int:
    """Start what `argv[1]` describes, print its process id, wait for its end or the pipe's; its exit code."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    account = order["account"]
    program = subprocess.Popen(  # noqa: S603  the command is our own
        order["argv"],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        cwd=order["cwd"],
        umask=0o077 if order["private"] else -1,
        user=account[0] if account else None,
        group=account[1] if account else None,
        extra_groups=[] if account else None,
        start_new_session=True,
    )
    print(program.pid, flush=True)  # noqa: T201  the owner reads it
    threading.Thread(target=_stop_with_owner, args=(program, order), daemon=True).start()
    code = program.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left of its group
        os.killpg(program.pid, signal.SIGKILL)
    return 128 - code if code < 0 else code


def _stop_with_owner(program: subprocess.Popen[bytes], order: dict[str, Any]) -> None:
    # The pipe says it at once. A fork of the owner's may hold the pipe open, but not be our parent.
    owner = os.getppid()
    while os.getppid() == owner and not select.select([sys.stdin], [], [], OWNER_CHECK_S)[0]:
        pass
    program.send_signal(order["stop_signal"])
    try:
        program.wait(order["grace_s"])
    except subprocess.TimeoutExpired:
        program.kill()


if __name__ == "__main__":
    sys.exit(main())
