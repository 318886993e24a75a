"""The faults of one round, drawn from the deck of the run."""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING

import psutil

from devtools.chaos.outages import Outages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commands.local.supervisor import Supervisor
    from devtools.chaos.cancelling import Users
    from devtools.chaos.deck import Deck
    from devtools.chaos.testbed import Servers

#: Interval between faults, seconds.
INTERVAL_S = (3.0, 9.0)
#: Downtime of a Valkey restart, and duration of provider faults, seconds.
AWAY_S, MISBEHAVING_S = (0.0, 8.0), (8.0, 15.0)
#: Shares of faulty provider calls; about a quarter together.
SHARES = {
    "rate_limit": 0.1,
    "server_error": 0.08,
    "moderation": 0.02,
    "hang": 0.02,
    "empty": 0.015,
    "reply_lost": 0.015,
}


class Faults:
    """Inject one fault after another.

    Attributes:
        struck: Injected faults: time (seconds since the epoch) and name.
    """

    def __init__(  # noqa: PLR0913, PLR0917  servers, workers and order of the faults
        self, seed: str, deck: Deck, supervisor: Supervisor, workers: Sequence[str], servers: Servers, users: Users
    ) -> None:
        """Inject faults in the order of `deck`; `workers` holds the names of the workers in `supervisor`."""
        self._random = random.Random(seed)  # noqa: S311  not for security: a seed repeats the run
        self._deck = deck
        self._supervisor = supervisor
        self._workers = workers
        self._embedded = servers.embedded
        self._provider = servers.provider
        self._users = users
        self._outages = Outages(servers, self._random)
        self._misbehaves_until = 0.0
        self.struck: list[tuple[float, str]] = []

    @property
    def kills(self) -> list[float]:
        """Times of worker kills, seconds since the epoch."""
        return [at for at, name in self.struck if name in {"kill_child", "kill_master"}]

    def run(self, until: float, say: Callable[[str], None]) -> None:
        """Inject faults until the monotonic time `until`, then restore the provider."""
        try:
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(left, self._random.uniform(*INTERVAL_S)))
                if time.monotonic() < until:
                    say(self._inject())
        finally:
            self._provider.behave()

    def _inject(self) -> str:
        if time.monotonic() > self._misbehaves_until:
            self._provider.behave()
        name, at = self._deck.draw(), time.time()
        sentence: str | None = getattr(self, f"_{name}")()
        if sentence is None:
            self._deck.put_back(name)
            return "the worker to kill is not running"
        self.struck.append((at, name))
        return sentence

    def _kill_child(self) -> str | None:
        worker, master = self._master()
        victims = _worker_processes(master) if master else []
        if not victims:
            return None
        victim = self._random.choice(victims)
        _kill(victim)
        return f"killed a process of {worker}"

    def _kill_master(self) -> str | None:
        worker, master = self._master()
        if master is None:
            return None
        _kill(master)
        return f"killed {worker}"

    def _restart_redis(self) -> str:
        return self._redis_away(empty=False)

    def _empty_redis(self) -> str:
        return self._redis_away(empty=True)

    def _redis_away(self, *, empty: bool) -> str:
        assert self._embedded.valkey  # noqa: S101  chaos always runs its own
        away_s = self._random.uniform(*AWAY_S)
        self._embedded.valkey.kill()
        time.sleep(away_s)
        self._embedded.valkey.restart(empty=empty)
        return f"Valkey was down for {away_s:.1f} s{' and restarted empty' if empty else ''}"

    def _crash_database(self) -> str:
        assert self._embedded.postgres  # noqa: S101  chaos always runs its own
        self._embedded.postgres.restart()
        return "PostgreSQL crashed and restarted"

    def _database_away_short(self) -> str:
        return self._outages.database(long=False)

    def _database_away_long(self) -> str:
        return self._outages.database(long=True)

    def _redis_away_long(self) -> str:
        return self._outages.redis(long=True)

    def _storage_away_short(self) -> str:
        return self._outages.storage(long=False)

    def _storage_away_long(self) -> str:
        return self._outages.storage(long=True)

    def _disk_full_short(self) -> str:
        return self._outages.disk(long=False)

    def _disk_full_long(self) -> str:
        return self._outages.disk(long=True)

    def _spoil_provider(self) -> str:
        seconds = self._random.uniform(*MISBEHAVING_S)
        self._misbehaves_until = time.monotonic() + seconds
        self._provider.behave(**SHARES)
        return f"the provider misbehaves for {seconds:.0f} s"

    def _cancel(self) -> str:
        return self._users.cancel_one()

    def _master(self) -> tuple[str, psutil.Process | None]:
        worker = self._random.choice(self._workers)
        pid = self._supervisor.pid(worker)
        with contextlib.suppress(psutil.NoSuchProcess):
            return worker, psutil.Process(pid) if pid else None
        return worker, None


def _worker_processes(master: psutil.Process) -> list[psutil.Process]:
    """Return the worker processes, without Python's resource tracker."""
    try:
        return [child for child in master.children() if "resource_tracker" not in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:  # a process has ended: the worker is stopping by itself
        return []


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
        process.kill()
