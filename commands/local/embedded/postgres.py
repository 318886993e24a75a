"""The embedded PostgreSQL: the real server from a wheel, on a unix socket in a private folder."""

from __future__ import annotations

import contextlib
import shutil
import signal
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil
import psycopg

from commands.local.embedded import postgres_programs
from commands.local.embedded.sockets import private_dir, socket_dir
from commands.local.process import Command, Process, StartError, run_as

if TYPE_CHECKING:
    from pathlib import Path

SOCKET = ".s.PGSQL.5432"
USER = "postgres"
DATABASE = "darkroom"
INITDB = (
    *("--username", USER, "--auth", "trust"),
    *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"),
)
#: For one machine without replicas; commits are durable.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",  # no I/O worker processes
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: For data that need not survive a crash of the machine.
EPHEMERAL = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10min"}


class Postgres:
    """PostgreSQL server with its data in `home`; it ends with this process."""

    def __init__(self, home: Path, log: Path, *, ephemeral: bool = False) -> None:
        """Prepare the server; `start` starts it.

        Raises:
            StartError: The wheel is not installed, or `home` belongs to another account.
        """
        account = postgres_programs.account()
        private_dir(home, account)
        self._data = home / "data"
        self._ephemeral = ephemeral
        self._socket_dir = socket_dir(home, SOCKET, account)
        program = str(postgres_programs.programs() / "postgres")
        settings = SETTINGS | {"unix_socket_directories": str(self._socket_dir)} | (EPHEMERAL if ephemeral else {})
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        argv = (program, "-D", str(self._data), *options)
        self._command = Command("PostgreSQL", argv, home, log, signal.SIGINT, account=account, private=True)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """`postgresql://` URL of the database `darkroom`."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the `postgresql://` URL of a database of this server."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self._socket_dir), safe='')}"

    @property
    def pid(self) -> int:
        """Process id of the postmaster; 0 if it is not running."""
        return self._process.pid if self._process and self._process.running else 0

    def start(self) -> None:
        """Start the server, create cluster and database if needed, and wait until it answers.

        Raises:
            StartError: The server does not start.
        """
        if not (self._data / "PG_VERSION").exists():
            self._initdb()
        self._remove_stale_pid_file()
        self._process = Process(self._command)
        self._process.wait_ready(self._answers)
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """Stop the server and close its connections; committed data are durable."""
        if self._process:
            self.resume()
            self._process.stop()

    def kill(self) -> None:
        """Kill the server, as in a crash."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.kill()

    def restart(self) -> None:
        """Kill the server and start it again; it recovers committed data."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Suspend the server: connections stay open without answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the server after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid:
            server = psutil.Process(self.pid)
            for process in (server, *server.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):  # a connection may end at any moment
                    process.send_signal(number)

    def _remove_stale_pid_file(self) -> None:
        # A killed server leaves its pid file. PostgreSQL notices a dead process, but not a process id that another
        # program has reused, which is common in a restarted container.
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            pid = int(pid_file.read_text().split("\n", 1)[0])
            if psutil.pid_exists(pid) and psutil.Process(pid).name() != "postgres":
                pid_file.unlink()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:  # not listening yet, or still recovering
            return False
        return True

    def _initdb(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # left by an interrupted first start
        program = str(postgres_programs.programs() / "initdb")
        options = [*INITDB, *(["--no-sync"] if self._ephemeral else [])]
        done = run_as(self._command.account, [program, "-D", str(self._data), *options], self._data.parent)
        if done.returncode:
            raise StartError(f"PostgreSQL can't create its data folder {self._data}: {done.stderr.strip()[-500:]}")
