"""The emulator in a separate process, so that tests can kill it."""

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
    """Serve a database over HTTP on the loopback address; the server ends with this process.

    Attributes:
        url: Value for SUPABASE_URL.
        service_role_key: Value for SUPABASE_SERVICE_ROLE_KEY.
        anon_key: The public key, which has no rights here.
    """

    def __init__(self, database_url: str, log: Path | None = None, *, port: int = 0) -> None:
        """Prepare the command; `start` runs it.

        Args:
            database_url: `postgresql://` URL of a user that may create roles and schemas.
            log: File to append the output to; None for the standard error of this process.
            port: Port to listen on; 0 for any free one.
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
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Create roles and schemas, apply the migrations, and start the server; return once it accepts connections.

        Raises:
            StartError: The server does not start.
        """
        prepare(self._database_url)
        self._process = Process(self._command)
        self._process.wait_ready(self._accepts)

    def stop(self) -> None:
        """Stop the server."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """Kill the server, as in a crash."""
        if self._process:
            self._process.kill()

    def environment(self) -> dict[str, str]:
        """Return the environment of programs that use the database through the emulator."""
        # An empty DATABASE_URL counts as not set; otherwise it would take precedence.
        return {"DATABASE_URL": "", "SUPABASE_URL": self.url, "SUPABASE_SERVICE_ROLE_KEY": self.service_role_key}

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:  # not listening yet
            return False
        return True
