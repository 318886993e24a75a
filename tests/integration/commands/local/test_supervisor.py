from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from commands.local.process import Command, StartError
from commands.local.supervisor import Supervisor
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[4]
#: Says that it runs by writing its process id, then waits; started with a child of its own.
PROGRAM = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
child.wait()
"""


def command(tmp_path: Path, code: str = PROGRAM, name: str = "program") -> Command:
    return Command(name, (sys.executable, "-c", code), tmp_path, tmp_path / f"{name}.log", grace_s=5.0)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does; ten seconds are an age for it."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(tmp_path: Path, count: int, name: str = "program") -> list[str]:
    log = tmp_path / f"{name}.log"
    until(lambda: log.exists() and log.read_text().count("\n") >= count)
    return log.read_text().splitlines()


def alive(pid: int) -> bool:
    """Whether it runs; what is dead but not yet reaped does not."""
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def test_a_program_that_exits_is_restarted_with_a_message(tmp_path: Path) -> None:
    said: queue.Queue[str] = queue.Queue()
    with Supervisor([command(tmp_path)], say=said.put) as supervisor:
        first = int(lines(tmp_path, 1)[0].split()[0])
        assert supervisor.pid("program") == first
        os.kill(first, signal.SIGKILL)
        assert said.get(timeout=10).startswith("program ended with code 137; starting it again in ")
        assert int(lines(tmp_path, 2)[1].split()[0]) != first


def test_child_processes_do_not_outlive_the_supervisor(tmp_path: Path) -> None:
    with Supervisor([command(tmp_path)], say=print) as supervisor:
        pids = [int(pid) for pid in lines(tmp_path, 1)[0].split()]
        assert pids[0] == supervisor.pid("program")
    # A killed grandchild is gone once the kernel has delivered the signal.
    wait_until(lambda: not any(alive(pid) for pid in pids), "the end of all processes")


def test_a_program_gets_sigterm_before_sigkill(tmp_path: Path) -> None:
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("asked", flush=True), sys.exit(0)))
print("up", flush=True)
signal.pause()
"""
    with Supervisor([command(tmp_path, code)], say=print):
        lines(tmp_path, 1)
    assert lines(tmp_path, 2) == ["up", "asked"]


def test_an_error_names_a_missing_program(tmp_path: Path) -> None:
    missing = Command("ghost", ("/nowhere/ghost",), tmp_path, tmp_path / "ghost.log")
    with pytest.raises(StartError, match=r"ghost can't be started: .*No such file"), Supervisor([missing], say=print):
        pass


@pytest.mark.parametrize("fork", ["", "if os.fork() == 0: time.sleep(60)"], ids=["alone", "forked"])
def test_no_process_outlives_a_killed_supervisor(tmp_path: Path, fork: str) -> None:
    owner = f"""
import os, sys, time
from pathlib import Path
from commands.local.process import Command, Process
folder = Path({str(tmp_path)!r})
command = Command("program", (sys.executable, "-c", {PROGRAM!r}), folder, folder / "program.log", grace_s=5.0)
process = Process(command)
{fork}
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", owner], cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        pids = [int(pid) for pid in lines(tmp_path, 1)[0].split()]
        process.kill()
        process.wait()
        until(lambda: not any(map(alive, pids)))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_an_error_names_a_program_that_exited(tmp_path: Path) -> None:
    with Supervisor([command(tmp_path), command(tmp_path, "raise SystemExit(3)", "other")], say=print) as supervisor:
        until(lambda: supervisor.fault() is not None)
        assert supervisor.fault() == "other ended with code 3"
