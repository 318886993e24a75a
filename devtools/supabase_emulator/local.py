"""The local Supabase as a program of its own, so that it can be killed like any other."""

from __future__ import annotations

import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from commands.local.free_port import free_port
from commands.local.process import Command, Process
from devtools.supabase_emulator import tokens
from devtools.supabase_emulator.database import prepare

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parents[2]


class LocalSupabase:
    """Serves a database over HTTP on the loopback address; it dies with this process.

    Attributes:
        url: What SUPABASE_URL is set to.
        service_role_key: What SUPABASE_SERVICE_ROLE_KEY is set to.
        anon_key: The public key, which may do nothing here.
    """

    def __init__(self, database_url: str, log: Path | None = None, *, port: int = 0) -> None:
        """Prepare it; `start` starts it.

        Args:
            database_url: `postgresql://` address with which roles and schemas can be made.
            log: The file its output is appended to; None for our own standard error.
            port: The port it listens on; 0 for any free one.
        """
        self._database_url = database_url
        self._port = port or free_port()
        self._secret = secrets.token_hex(32)
        self.url = f"http://127.0.0.1:{self._port}"
        self.service_role_key = tokens.issue(self._secret, "service_role")
        self.anon_key = tokens.issue(self._secret, "anon")
        self._command = Command(
            "Supabase",
            (sys.executable, "-m", "devtools.supabase_emulator"),
            ROOT,
            log,
            env={"LOCAL_SUPABASE": f"{self._port} {self._secret} {database_url}"},
        )
        self._process: Process | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def start(self) -> None:
        """Make roles and schemas, apply all migrations, start serving and wait until it answers.

        Raises:
            StartError: It does not start.
        """
        prepare(self._database_url)
        self._process = Process(self._command)
        self._process.wait_ready(self._answers)

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            self._process.kill()

    def environment(self) -> dict[str, str]:
        """What programs are started with, so that they reach the database through it."""
        # Empty is not set: an address of the database would win.
        return {"DATABASE_URL": "", "SUPABASE_URL": self.url, "SUPABASE_SERVICE_ROLE_KEY": self.service_role_key}

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:  # not listening yet
            return False
        return True
