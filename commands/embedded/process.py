"""A server process under a guard, so that it dies with its owner."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GUARD = Path(__file__).with_name("guard.py")
#: How much of a server's log an error shows, lines.
LOG_TAIL = 5


class EmbeddedError(Exception):
    """An embedded part can't be started; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Command:
    """How a server is started.

    Attributes:
        name: What people call it.
        argv: The program and its arguments.
        cwd: The folder it runs in.
        log: The file its output is appended to.
        stop_signal: Asks it to stop without losing anything.
        account: Whom it runs as; None for whoever we are.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    account: Account | None = None


class Process:
    """One running server."""

    def __init__(self, command: Command) -> None:
        """Start it."""
        self.command = command
        self.log_start = command.log.stat().st_size if command.log.exists() else 0
        self._guard = subprocess.Popen(  # noqa: S603  our own interpreter and script
            [sys.executable, "-I", "-S", str(GUARD), _order(command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for the owner, which stops this last
        )
        assert self._guard.stdout is not None  # noqa: S101  a pipe was asked for
        self.pid = int(self._guard.stdout.readline() or 0)
        if not self.pid:
            self.stop()
            raise EmbeddedError(f"{command.name} can't be started from {command.argv[0]}.")

    @property
    def running(self) -> bool:
        """Whether the server is alive."""
        return self._guard.poll() is None

    def wait_ready(self, ready: Callable[[], bool], *, deadline_s: float = 30.0) -> None:
        """Wait until the server answers.

        Raises:
            EmbeddedError: It ended, or did not answer within `deadline_s` seconds.
        """
        deadline = time.monotonic() + deadline_s
        while not ready():
            if not self.running or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"{self.command.name} did not start; the end of its log: {self._log_tail()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """Ask the server to stop and wait until it has. Stopping what is gone is success."""
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        self._guard.wait()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):  # it ended a moment ago
                os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def _log_tail(self) -> str:
        with self.command.log.open("rb") as log:
            log.seek(self.log_start)
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


def _order(command: Command) -> str:
    account = command.account
    return json.dumps(
        {
            "command": command.argv,
            "cwd": str(command.cwd),
            "log": str(command.log),
            "stop_signal": command.stop_signal,
            "uid": account.uid if account else None,
            "gid": account.gid if account else None,
        }
    )
