"""Outages of the services Darkroom depends on, longer and shorter than a lease."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from commands.outcome import CommandError

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from devtools.chaos.testbed import Servers

#: Duration of an outage, leases.
SHORT, LONG = (0.2, 0.8), (1.2, 1.6)
#: File system for the scratch folder, if mounting is allowed.
DISK = "128m"


class Outages:
    """Stop one service at a time and restore it."""

    def __init__(self, servers: Servers, generator: random.Random) -> None:
        """Inject outages into `servers`; `generator` draws their durations."""
        self._servers = servers
        self._random = generator

    def database(self, *, long: bool) -> str:
        """Kill or suspend PostgreSQL."""
        postgres = self._servers.embedded.postgres
        assert postgres  # noqa: S101  chaos runs its own
        frozen = self._random.random() < 0.5  # noqa: PLR2004  one half
        postgres.pause() if frozen else postgres.kill()
        try:
            away_s = self._wait(long=long)
        finally:
            postgres.resume() if frozen else postgres.start()
        return f"PostgreSQL was {'frozen' if frozen else 'dead'} for {away_s:.1f} s"

    def redis(self, *, long: bool) -> str:
        """Kill Valkey."""
        valkey = self._servers.embedded.valkey
        assert valkey  # noqa: S101  chaos runs its own
        valkey.kill()
        try:
            away_s = self._wait(long=long)
        finally:
            valkey.start()
        return f"Valkey was dead for {away_s:.1f} s"

    def storage(self, *, long: bool) -> str:
        """Replace the storage folder by a file."""
        folder = self._servers.storage
        folder.mkdir(exist_ok=True)
        aside = folder.with_name("storage-aside")
        folder.rename(aside)
        folder.touch()
        try:
            away_s = self._wait(long=long)
        finally:
            folder.unlink()
            aside.rename(folder)
        return f"the storage was away for {away_s:.1f} s"

    def disk(self, *, long: bool) -> str:
        """Fill the disk of the scratch folder, or make the folder read-only if it has no file system of its own."""
        scratch = self._servers.scratch
        with _full(scratch) if os.path.ismount(scratch) else _write_protected(scratch):
            away_s = self._wait(long=long)
        return f"the scratch folder took no writes for {away_s:.1f} s"

    def _wait(self, *, long: bool) -> float:
        away_s = self._random.uniform(*(LONG if long else SHORT)) * self._servers.settings.lease_s
        time.sleep(away_s)
        return away_s


@contextlib.contextmanager
def own_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system at `folder` for the block, if this process may mount one.

    Raises:
        CommandError: Mounting is not allowed, and as root a write-protected folder does not simulate a full disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not _run("mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)):
        if os.geteuid() == 0:
            raise CommandError("chaos can't simulate a full disk here: run it as another user, or allow root to mount.")
        yield
        return
    try:
        yield
    finally:
        # Workers that have just been killed may still have open files.
        _run("umount", "--lazy", str(folder))


def _run(program: str, *arguments: str) -> bool:
    """Run the program and return whether it succeeded."""
    found = shutil.which(program)
    # The arguments are constants and a folder created by this program.
    return found is not None and subprocess.run([found, *arguments], check=False, capture_output=True).returncode == 0  # noqa: S603


@contextlib.contextmanager
def _full(folder: Path) -> Iterator[None]:
    ballast = folder / ".ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def _write_protected(folder: Path) -> Iterator[None]:
    mode = folder.stat().st_mode
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(mode)
