"""A program under a guard, so that it dies with its owner."""

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
#: How much of a program's log an error shows, lines.
LOG_TAIL = 5


class StartError(Exception):
    """A program can't be started; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that a program runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """How a program is started.

    Attributes:
        name: What people call it.
        argv: The program and its arguments.
        cwd: The folder it runs in.
        log: The file its output is appended to; None for our own standard error.
        stop_signal: Asks it to stop without losing anything.
        grace_s: How long it may take after that, seconds.
        account: Whom it runs as; None for whoever we are.
        private: Whether what it writes is for its own account only.
        env: Set over our own environment.
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
    """One running program."""

    def __init__(self, command: Command) -> None:
        """Start it.

        Raises:
            StartError: There is no such program.
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
        """Whether the program is alive."""
        return self._guard.poll() is None

    def wait(self) -> int:
        """Wait until it ends; its exit code, 128 and the number of a signal that ended it."""
        return self._guard.wait()

    def wait_ready(self, ready: Callable[[], bool], *, deadline_s: float = 30.0) -> None:
        """Wait until it is ready.

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
        """Ask it to stop, and do not wait. Asking again is the same."""
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()

    def stop(self) -> None:
        """Ask it to stop and wait until it has. Stopping what is gone is success."""
        self.ask_to_stop()
        self._guard.wait()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def _log_tail(self) -> str:
        if self.command.log is None:
            return "see above"
        with self.command.log.open("rb") as log:
            log.seek(self._log_start)
            return " / ".join(log.read().decode(errors="replace").strip().splitlines()[-LOG_TAIL:]) or "(empty)"


def run_as(account: Account | None, argv: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one of a server's own programs to its end, as `account` or as ourselves.

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
        start_new_session=True,  # Ctrl-C in a terminal is for the owner, which stops this last
    )
