"""Servers of a chaos run, on the loopback interface and in a folder of their own."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from commands.local import programs
from commands.local.embedded import Embedded
from commands.local.picture_host import ImageHost
from commands.local.supervisor import Supervisor
from devtools.chaos import resumable
from devtools.chaos.load import MOST_CREDITS
from devtools.chaos.outages import own_disk
from devtools.chaos.provider import CountingProvider, Kind
from devtools.chaos.provider.picture import picture
from providers.records.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from commands.local.process import Command
    from settings import Settings

#: Names of the workers; one continues while the other is killed.
WORKERS = ("worker-1", "worker-2")
#: Latency of the provider, seconds.
LATENCY_S = 2.0
#: Shorter than in production: hung calls must end within the run.
SOFT_S, HARD_S = 30, 40
#: Sessions whose task was lost with an emptied Valkey are ended after this many leases.
STUCK_LEASES = 3
PROVIDERS = {Kind.REPLICATE: resumable.NAME, Kind.OPENAI: "openai"}


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers and settings of a run."""

    settings: Settings
    embedded: Embedded
    provider: CountingProvider
    picture_urls: tuple[str, ...]
    env: dict[str, str]

    @property
    def redis_url(self) -> str:
        """URL of the Valkey."""
        return self.embedded.redis_url or ""

    @property
    def database_url(self) -> str:
        """URL of the PostgreSQL."""
        return self.embedded.database_url or ""

    @property
    def own_settings(self) -> Settings:
        """Settings of commands for these servers, independent of the environment."""
        urls = {"redis_url": SecretStr(self.redis_url), "database_url": SecretStr(self.database_url)}
        return self.settings.model_copy(update=urls)

    @property
    def scratch(self) -> Path:
        """Folder of pictures between stages."""
        return self.settings.data_dir / "scratch"

    def logs(self, kind: Kind) -> list[Path]:
        """Return the worker logs of one scenario."""
        return [self.settings.data_dir / "log" / f"{name}-{kind}.log" for name in WORKERS]

    @property
    def storage(self) -> Path:
        """Folder of finished pictures."""
        return self.settings.data_dir / "storage"

    def workers(self, kind: Kind, say: Callable[[str], None]) -> Supervisor:
        """Return a supervisor, not started, of two workers and a scheduler that use this kind of provider."""
        logs = self.settings.data_dir / "log"
        env = self.env | {"TRYON_PROVIDERS": PROVIDERS[kind]}
        worker = programs.worker(self.settings, env, None, "--processes", "2")
        commands: list[Command] = [replace(worker, name=name, log=logs / f"{name}-{kind}.log") for name in WORKERS]
        return Supervisor([*commands, programs.scheduler(self.settings, env, logs / f"scheduler-{kind}.log")], say)


class ChaosTestbed:
    """Context manager that runs the servers."""

    def __init__(self, settings: Settings, seed: int) -> None:
        """Use an emptied folder in `settings.data_dir`; `seed` seeds the provider."""
        self._settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve() / "chaos"})
        self._seed = seed
        self._stack = ExitStack()

    def __enter__(self) -> Servers:
        """Start the servers.

        Raises:
            StartError: A server can't be started, or another run uses the folder.
        """
        with ExitStack() as stack:
            servers = self._start(stack)
            self._stack = stack.pop_all()
        return servers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the servers."""
        self._stack.close()

    def _start(self, stack: ExitStack) -> Servers:
        settings = self._settings
        embedded = stack.enter_context(Embedded(settings.data_dir, ephemeral=True))
        for name in ("storage", "scratch"):
            shutil.rmtree(settings.data_dir / name, ignore_errors=True)
        stack.enter_context(own_disk(settings.data_dir / "scratch"))
        migrate(embedded.database_url or "")
        provider = CountingProvider(settings.data_dir / "log" / "provider.log", seed=self._seed, latency_s=LATENCY_S)
        stack.enter_context(provider)
        host = stack.enter_context(ImageHost())
        urls = []
        for name in ("person", "outfit"):
            file = settings.data_dir / f"{name}.jpg"
            file.write_bytes(picture(name))
            urls.append(host.share(file))
        return Servers(settings, embedded, provider, tuple(urls), self._environment(embedded, provider))

    def _environment(self, embedded: Embedded, provider: CountingProvider) -> dict[str, str]:
        settings = self._settings
        more = {
            "LEASE_S": f"{settings.lease_s:g}",
            "RECOVERY_INTERVAL_S": f"{settings.recovery_interval_s:g}",
            "SHUTDOWN_GRACE_S": f"{settings.shutdown_grace_s:g}",
            "SOFT_TIME_LIMIT_S": str(SOFT_S),
            "HARD_TIME_LIMIT_S": str(HARD_S),
            "STUCK_AFTER_S": f"{STUCK_LEASES * settings.lease_s:g}",
            "LOG_FORMAT": "json",
            "TRYON_MAX_REFUND_CREDITS": str(MOST_CREDITS),
            "PYTHONPATH": str(resumable.install(settings.data_dir / "plugin")),
        }
        return programs.environment(settings, embedded, **provider.environment, **more)
