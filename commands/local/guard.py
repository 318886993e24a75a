"""Run a program that must not outlive the process that started it, its owner.

`process.py` starts this script with a pipe as standard input whose other end only the owner holds. When the owner
ends, even by SIGKILL, the pipe closes and the script stops the program and its process group. The script imports the
standard library only, so that it starts in milliseconds. The program writes to the script's standard error.
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

#: Interval of the check that the owner is still the parent process, seconds.
OWNER_CHECK_S = 1.0


def main() -> int:
    """Start the program of `argv[1]` (JSON), print its process id, and return its exit code when it ends."""
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
    with contextlib.suppress(ProcessLookupError, PermissionError):  # its process group is gone
        os.killpg(program.pid, signal.SIGKILL)
    return 128 - code if code < 0 else code


def _stop_with_owner(program: subprocess.Popen[bytes], order: dict[str, Any]) -> None:
    # The pipe closes at once. A fork of the owner may keep it open, but then the parent process changes.
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
