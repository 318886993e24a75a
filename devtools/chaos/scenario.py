"""One scenario: load and faults with one kind of provider, then no faults until every task has ended."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from devtools.chaos.cancelling import Users
from devtools.chaos.faults import Faults
from devtools.chaos.handed_back import handed_back
from devtools.chaos.ledger import Ledger, audit, unfinished
from devtools.chaos.load import TaskLoad
from devtools.chaos.provider import Kind
from devtools.chaos.recoveries import Recoveries
from devtools.chaos.testbed import WORKERS, Servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from devtools.chaos.deck import Deck
    from devtools.chaos.load import ChaosTask

#: Tasks that have not ended this many leases plus seconds after the last fault count as lost. The time covers three
#: recoveries, a hung call, the delays of retries and the next sweep.
QUIET_LEASES, QUIET_S = 5, 150.0
NAMES = {Kind.REPLICATE: "resumable", Kind.OPENAI: "not_resumable"}


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """Result of one scenario.

    Attributes:
        extra: Paid calls beyond one per task.
        provoked: Extra calls caused by faults of the provider: hung, empty, reply lost.
        workers_alive: Extra calls that neither provider faults nor the loss of a worker explain.
        recovery_s: Times from the kill of a job's worker to its next progress, sorted, seconds.
        struck: Number of injected faults by kind.
        fates: Number of provider calls by result.
        seconds: Time from the last fault until every task had ended.
    """

    kind: Kind
    ledger: Ledger
    extra: int
    provoked: int
    workers_alive: int
    recovery_s: list[float]
    take_overs: int
    struck: Counter[str]
    fates: dict[str, int]
    seconds: float

    @property
    def name(self) -> str:
        """`resumable` or `not_resumable`."""
        return NAMES[self.kind]

    def data(self) -> dict[str, Any]:
        """Return the object of `--json`."""
        ledger = self.ledger
        return {
            "tasks": ledger.tasks,
            "terminal": ledger.completed + ledger.failed,
            "completed": ledger.completed,
            "failed": ledger.failed,
            "lost": ledger.lost,
            "refunds": ledger.refunds,
            "double_refunds": ledger.double_refunds,
            "extra_paid_calls": self.extra,
            "provoked_paid_calls": self.provoked,
            "extra_paid_calls_workers_alive": self.workers_alive,
            "recovery_s": percentiles(self.recovery_s),
            "recoveries": len(self.recovery_s),
            "take_overs": self.take_overs,
            "calls": self.fates,
            "quiet_s": round(self.seconds, 1),
        }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and max of sorted seconds; 0 if there are none."""
    if not values:
        return {"p50": 0.0, "p95": 0.0, "max": 0.0}
    last = len(values) - 1
    return {
        "p50": round(values[round(0.5 * last)], 1),
        "p95": round(values[round(0.95 * last)], 1),
        "max": round(values[-1], 1),
    }


def run_scenario(  # noqa: PLR0913  servers, faults and duration of the scenario
    servers: Servers, kind: Kind, deck: Deck, *, seconds: float, seed: int, console: Console
) -> ScenarioResult:
    """Run one scenario of `seconds` seconds, with the faults drawn from `deck`."""
    load = TaskLoad(servers.database_url, servers.redis_url, servers.picture_urls, f"{seed}:{kind}:load")
    recoveries = Recoveries(servers.database_url, servers.redis_url, servers.settings.lease_s)
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=28), TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(), console=console,
    )  # fmt: skip
    with recoveries, bars, servers.workers(kind, bars.console.print) as supervisor:
        users = Users(f"{seed}:{kind}:users", servers, load.tasks)
        faults = Faults(f"{seed}:{kind}:faults", deck, supervisor, WORKERS, servers, users)
        row = bars.add_task(NAMES[kind].replace("_", " "), total=None, text="load and faults")
        load.start()

        def say(fault: str) -> None:
            bars.console.print(f"  {fault}")
            bars.update(row, text=f"{len(load.tasks)} tasks, {len(faults.struck)} faults")

        faults.run(time.monotonic() + seconds, say)
        load.stop()
        quiet = time.monotonic()
        _wait(
            servers,
            load.tasks,
            lambda left: bars.update(row, text=f"no faults: {left} of {len(load.tasks)} tasks left"),
        )
        quiet_s = time.monotonic() - quiet
    with psycopg.connect(servers.database_url, autocommit=True) as database:
        ledger = audit(database, load.tasks, load.owners, servers.storage)
    return ScenarioResult(
        kind, ledger, *_paid(servers, kind, load.tasks, recoveries.killed(faults.kills)),
        recoveries.seconds(faults.kills), len(recoveries.take_overs),
        Counter(name for _, name in faults.struck), servers.provider.fates(kind), quiet_s,
    )  # fmt: skip


def _wait(servers: Servers, tasks: Sequence[ChaosTask], show: Any) -> None:
    deadline = time.monotonic() + QUIET_LEASES * servers.settings.lease_s + QUIET_S
    with psycopg.connect(servers.database_url, autocommit=True) as database:
        while (left := unfinished(database, tasks)) and time.monotonic() < deadline:
            show(left)
            time.sleep(0.5)


def _paid(servers: Servers, kind: Kind, tasks: Sequence[ChaosTask], killed: Counter[str]) -> tuple[int, int, int]:
    """Return extra paid calls: all, those caused by provider faults, those of workers that were alive."""
    paid, spoiled = servers.provider.paid_calls(kind), servers.provider.provoked_calls(kind)
    lost = killed + handed_back(servers.logs(kind))
    extra = {task.task_id: max(0, paid.get(task.task_id, 0) - 1) for task in tasks}
    provoked = {task: min(number, spoiled.get(task, 0)) for task, number in extra.items()}
    alive = sum(max(0, extra[task] - provoked[task] - lost[task]) for task in extra)
    return sum(extra.values()), sum(provoked.values()), alive
