"""Programs that end with this process, by way of `guard.py`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GUARD = Path(__file__).with_name("guard.py")
#: Lines of a program's log that an error message shows.
LOG_TAIL = 5


class StartError(Exception):
    """A program can't be started; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Account:
    """System account of a program."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """Command line and environment of a program.

    Attributes:
        name: Name for messages.
        argv: Program and arguments.
        cwd: Working directory.
        log: File for its output, appended to; None for our standard error.
        stop_signal: Signal for a graceful stop.
        grace_s: Time between `stop_signal` and SIGKILL, seconds.
        account: Account it runs as; None for the current one.
        private: Whether its files are readable by its own account only.
        env: Variables added to our environment.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    log: Path | None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0
    account: Account | None = None
    private: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


class Process:
    """A running program."""

    def __init__(self, command: Command) -> None:
        """Start the program.

        Raises:
            StartError: The program does not exist.
        """
        self.command = command
        self._log_start = command.log.stat().st_size if command.log and command.log.exists() else 0
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(command.log.open("ab")) if command.log else None
            self._guard = _start_guard(command, output)
        assert self._guard.stdout is not None  # noqa: S101  a pipe was asked for
        self.pid = int(self._guard.stdout.readline() or 0)
        if not self.pid:
            self.stop()
            raise StartError(f"{command.name} can't be started: {self._log_tail()}")

    @property
    def running(self) -> bool:
        """Whether the program is running."""
        return self._guard.poll() is None

    def wait(self) -> int:
        """Wait until it ends and return its exit code; 128 plus the number of a signal that ended it."""
        return self._guard.wait()

    def wait_ready(self, ready: Callable[[], bool], *, deadline_s: float = 30.0) -> None:
        """Wait until `ready` returns True.

        Raises:
            StartError: It ended, or was not ready within `deadline_s` seconds.
        """
        deadline = time.monotonic() + deadline_s
        while not ready():
            if not self.running or time.monotonic() > deadline:
                self.stop()
                raise StartError(f"{self.command.name} did not start; the end of its log: {self._log_tail()}")
            time.sleep(0.01)

    def ask_to_stop(self) -> None:
        """Request a graceful stop without waiting; may be called again."""
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self) -> None:
        """Stop it gracefully and wait; does nothing if it has ended."""
        self.ask_to_stop()
        self._guard.wait()

    def kill(self) -> None:
        """End it with SIGKILL, as in a crash."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def _log_tail(self) -> str:
        if self.command.log is None:
            return "see above"
        with self.command.log.open("rb") as log:
            log.seek(self._log_start)
            return " / ".join(log.read().decode(errors="replace").strip().splitlines()[-LOG_TAIL:]) or "(empty)"


def run_as(account: Account | None, argv: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, as `account` or the current account.

    Raises:
        PermissionError: The account can't reach the program.
    """
    return subprocess.run(  # noqa: S603  the programs come with our own wheels
        argv,
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _start_guard(command: Command, output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    order = {
        "argv": command.argv,
        "cwd": str(command.cwd),
        "stop_signal": command.stop_signal,
        "grace_s": command.grace_s,
        "account": [command.account.uid, command.account.gid] if command.account else None,
        "private": command.private,
    }
    return subprocess.Popen(  # noqa: S603  our own interpreter and script
        [sys.executable, "-I", "-S", str(GUARD), json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=output,
        env=os.environ | dict(command.env),
        start_new_session=True,  # Ctrl-C in a terminal reaches the owner only, which stops its programs
    )
