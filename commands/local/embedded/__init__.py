"""Embedded Valkey and PostgreSQL: the real servers, from wheels, for machines without their own."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from commands.local.embedded import postgres_programs
from commands.local.embedded.owner import DataFolderOwner
from commands.local.embedded.postgres import Postgres
from commands.local.embedded.valkey import Valkey

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from settings import Settings


class Embedded:
    """Context manager that owns a data folder and runs embedded servers in it, at most until this process ends.

    Attributes:
        valkey: The embedded Valkey; None if REDIS_URL is set.
        postgres: The embedded PostgreSQL; None if DATABASE_URL or SUPABASE_URL is set.
    """

    def __init__(self, data_dir: Path, *, ephemeral: bool = False, valkey: bool = True, postgres: bool = True) -> None:
        """Configure the servers; entering the context starts them.

        Args:
            data_dir: Folder to own.
            ephemeral: Disable durability and delete all data on exit.
            valkey: Whether to run Valkey.
            postgres: Whether to run PostgreSQL.
        """
        self._data_dir = data_dir.resolve()
        self._ephemeral = ephemeral
        self._wanted = {"valkey": valkey, "postgres": postgres}
        self._owner: DataFolderOwner | None = None
        self.valkey: Valkey | None = None
        self.postgres: Postgres | None = None

    @classmethod
    def missing(cls, settings: Settings) -> Self:
        """Run the servers that `settings` does not configure, in its data folder."""
        return cls(
            settings.data_dir,
            valkey=settings.redis_url is None,
            postgres=settings.database_url is None and settings.supabase_url is None,
        )

    @property
    def redis_url(self) -> str | None:
        """URL of the embedded Valkey; None if it does not run."""
        return self.valkey.url if self.valkey else None

    @property
    def database_url(self) -> str | None:
        """URL of the embedded PostgreSQL; None if it does not run."""
        return self.postgres.url if self.postgres else None

    def __enter__(self) -> Self:
        """Start the servers concurrently and publish their addresses.

        Raises:
            StartError: A server can't be started, or another process owns the folder.
        """
        self._owner = DataFolderOwner(self._data_dir)
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._owner.announce(redis_url=self.redis_url, database_url=self.database_url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the servers and release the folder."""
        for server in (self.valkey, self.postgres):
            if server:
                server.stop()
        if self._owner:
            self._owner.release()
        if self._ephemeral:
            shutil.rmtree(postgres_programs.home(self._data_dir), ignore_errors=True)
            shutil.rmtree(self._data_dir / "embedded", ignore_errors=True)

    def _start(self) -> None:
        logs = self._data_dir / "log"
        logs.mkdir(parents=True, exist_ok=True)
        if self._wanted["valkey"]:
            self.valkey = Valkey(self._data_dir / "embedded" / "valkey", logs / "valkey.log")
        if self._wanted["postgres"]:
            home = postgres_programs.home(self._data_dir)
            self.postgres = Postgres(home, logs / "postgres.log", ephemeral=self._ephemeral)
        with ThreadPoolExecutor() as pool:
            started = [pool.submit(server.start) for server in (self.valkey, self.postgres) if server]
        for start in started:
            start.result()
