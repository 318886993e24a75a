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
#: One machine, one owner, no replica. What is committed is on disk.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",  # no helper processes on a machine of two cores
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
#: Where nothing has to survive the machine.
EPHEMERAL = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "10min"}


class Postgres:
    """A PostgreSQL whose data lie in `home`; it dies with this process."""

    def __init__(self, home: Path, log: Path, *, ephemeral: bool = False) -> None:
        """Prepare it; `start` starts it.

        Raises:
            StartError: The wheel is not installed, or `home` belongs to somebody else.
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
        """The `postgresql://` address of the database `darkroom`."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """The `postgresql://` address of any database of this server."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self._socket_dir), safe='')}"

    @property
    def pid(self) -> int:
        """The postmaster's process id; 0 when it is not running."""
        return self._process.pid if self._process and self._process.running else 0

    def start(self) -> None:
        """Start it, with a new cluster and database if there is none, and wait until it answers.

        Raises:
            StartError: It does not start.
        """
        if not (self._data / "PG_VERSION").exists():
            self._initdb()
        self._forget_reused_pid()
        self._process = Process(self._command)
        self._process.wait_ready(self._answers)
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """Stop it; connections are cut, what was committed is on disk."""
        if self._process:
            self.resume()
            self._process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.kill()

    def restart(self) -> None:
        """Crash it and start it again; it recovers what was committed."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid:
            server = psutil.Process(self.pid)
            for process in (server, *server.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):  # a connection may end at any moment
                    process.send_signal(number)

    def _forget_reused_pid(self) -> None:
        # A server that was killed leaves its process id. PostgreSQL sees that the process is gone, but not that the id
        # belongs to another program by now, which is the rule in a container that starts again.
        note = self._data / "postmaster.pid"
        if note.exists():
            pid = int(note.read_text().split("\n", 1)[0])
            if psutil.pid_exists(pid) and psutil.Process(pid).name() != "postgres":
                note.unlink()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:  # not listening yet, or still recovering
            return False
        return True

    def _initdb(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # what an interrupted first start left
        program = str(postgres_programs.programs() / "initdb")
        options = [*INITDB, *(["--no-sync"] if self._ephemeral else [])]
        done = run_as(self._command.account, [program, "-D", str(self._data), *options], self._data.parent)
        if done.returncode:
            raise StartError(f"PostgreSQL can't make its folder {self._data}: {done.stderr.strip()[-500:]}")
