"""Servers, workers and files of a measurement, on the loopback interface and in a separate folder."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

import psycopg

from commands.local import programs
from commands.local.embedded import Embedded
from commands.local.picture_host import ImageHost
from commands.local.process import Command, Process
from commands.outcome import CommandError
from devtools.bench import provider, usage
from providers.records.migrate import migrate
from providers.redis_clients import sync_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from devtools.bench.tasks import BenchTask
    from settings import Settings

#: Seconds between two queries for the progress of the tasks.
POLL_S = 0.1
#: Maximum duration of one run, seconds.
DEADLINE_S = 900.0
TABLES = (
    "darkroom_jobs", "darkroom_dispatched", "darkroom_ledger", "darkroom_deliveries", "darkroom_dead_letters",
    "generation_sessions", "user_credits", "credit_transactions",
)  # fmt: skip


class BenchTestbed:
    """Embedded servers, from entering the context until leaving it; `workers` starts workers in between."""

    def __init__(self, settings: Settings) -> None:
        """Use the folder `bench/run` in `settings.data_dir`, emptied first."""
        self.settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve() / "bench" / "run"})
        self.folder: Path = self.settings.data_dir
        self.call_log = self.folder / "calls"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the servers.

        Raises:
            StartError: A server can't be started, or another run uses the folder.
        """
        with ExitStack() as stack:
            self.embedded = stack.enter_context(Embedded(self.folder, ephemeral=True))
            self.redis_url, self.database_url = self.embedded.redis_url or "", self.embedded.database_url or ""
            migrate(self.database_url)
            self.database = stack.enter_context(psycopg.connect(self.database_url, autocommit=True))
            self.redis = sync_client(self.redis_url, max_connections=4)
            stack.callback(self.redis.close)
            self._host = stack.enter_context(ImageHost())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the servers."""
        self._stack.close()

    @property
    def servers(self) -> dict[str, int]:
        """Process ids of Valkey and PostgreSQL."""
        valkey, postgres = self.embedded.valkey, self.embedded.postgres
        assert valkey  # noqa: S101  `Embedded` starts both here
        assert postgres  # noqa: S101  the same
        return {"valkey": valkey.pid, "postgres": postgres.pid}

    def share(self, photo: bytes, name: str) -> str:
        """Serve a photo over HTTP; return its URL."""
        file = self.folder / f"{name}.jpg"
        file.write_bytes(photo)
        return self._host.share(file)

    def environment(self, *, latency_s: float = 0.0, draws: bool = False) -> dict[str, str]:
        """Return the environment of our programs: the benchmark's provider, and values that `.env` can't change."""
        fixed = {
            "AI_MOCK_MODE": "true",
            "TRYON_PROVIDERS": provider.NAME,
            provider.LATENCY: f"{latency_s:g}",
            provider.DRAWS: str(int(draws)),
            provider.CALL_LOG: str(self.call_log),
            "PYTHONPATH": str(provider.install(self.folder / "plugin")),
            "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
            "WATERMARK_TRYON": "false",
            "LOG_LEVEL": "info",
            "LOG_FORMAT": "json",
        }
        return programs.environment(self.settings, self.embedded, **fixed)

    @contextmanager
    def workers(
        self,
        *,
        processes: int = 2,
        latency_s: float = 0.0,
        draws: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[Process]:
        """Empty the servers and run `dramatiq actors` with `processes` worker processes; yield once they are ready.

        Raises:
            StartError: The workers can't be started.
        """
        self.empty()
        log = self.folder / "log" / "worker.log"
        log.unlink(missing_ok=True)
        everything = self.environment(latency_s=latency_s, draws=draws) | dict(env or {})
        command = programs.worker(self.settings, everything, log, "--processes", str(processes))
        with running(command) as worker:
            worker.wait_ready(lambda: log.read_bytes().count(b'"worker_started"') >= processes)
            yield worker

    def empty(self) -> None:
        """Delete all tasks and files."""
        self.redis.flushall()
        self.database.execute(f"truncate {', '.join(TABLES)}")
        self.call_log.unlink(missing_ok=True)
        for name in ("storage", "scratch"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def wait_completed(self, tasks: Sequence[BenchTask]) -> float:
        """Wait until all tasks are completed and published; return the time of the last, seconds since the epoch.

        Raises:
            CommandError: A task did not complete, or not in time.
        """
        self.wait_until(
            "select count(*) from darkroom_jobs j where state not in ('waiting', 'running')"
            " and not exists (select from darkroom_dispatched d where d.task_id = j.task_id)",
            len(tasks),
        )
        row = self.database.execute(
            "select count(*) filter (where state = 'completed'), extract(epoch from max(finished_at))::float8"
            " from darkroom_jobs"
        ).fetchone()
        if row is None or row[0] != len(tasks):
            raise CommandError(f"{len(tasks) - (row[0] if row else 0)} tasks did not complete; see {self.folder}/log.")
        return float(row[1])

    def wait_until(self, count: str, target: int) -> None:
        """Wait until the query `count` returns at least `target`.

        Raises:
            CommandError: It does not within the deadline.
        """
        deadline = time.monotonic() + DEADLINE_S
        while (self.database.execute(count.encode()).fetchone() or (0,))[0] < target:
            if time.monotonic() > deadline:
                raise CommandError(f"The tasks took longer than {DEADLINE_S:.0f} s; see {self.folder}/log.")
            time.sleep(POLL_S)

    def usage(self, **programs: int) -> usage.Sample:
        """Return the CPU used so far by the servers and by `programs`, process ids by name."""
        return usage.sample({**self.servers, **programs})


@contextmanager
def running(command: Command) -> Iterator[Process]:
    """Run a program and stop it at the end, also after an error."""
    process = Process(command)
    try:
        yield process
    finally:
        process.stop()
