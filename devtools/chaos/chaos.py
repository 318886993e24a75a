"""`manage.py chaos`: inject faults while tasks run, then audit every task and credit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console

from commands.outcome import CommandError, CommandOutcome
from devtools.chaos.deck import Deck
from devtools.chaos.provider import Kind
from devtools.chaos.scenario import ScenarioResult, percentiles, run_scenario
from devtools.chaos.table import view
from devtools.chaos.testbed import ChaosTestbed

if TYPE_CHECKING:
    from settings import Settings

#: With a provider whose work can be resumed: maximum share of tasks with a second paid call.
MOST_EXTRA = 0.02
SUMS = (
    "tasks", "terminal", "completed", "failed", "lost", "refunds", "double_refunds", "extra_paid_calls",
    "provoked_paid_calls", "extra_paid_calls_workers_alive",
)  # fmt: skip


def chaos(settings: Settings, *, minutes: float, seed: int) -> CommandOutcome:
    """Run load and faults for `minutes`: half with a provider whose work can be resumed, half with one without.

    Raises:
        CommandError: SUPABASE_URL is set; faults are injected into local servers only.
        StartError: A program can't be started.
    """
    if settings.supabase_url:
        raise CommandError("chaos injects faults into its own servers only: unset SUPABASE_URL.")
    console = Console(stderr=True)
    console.print(f"Seed {seed}. Starting Valkey, PostgreSQL, a counting provider, two workers and a scheduler…")
    deck = Deck(f"{seed}:faults")
    with ChaosTestbed(settings, seed) as servers:
        scenarios = [
            run_scenario(servers, kind, deck, seconds=minutes * 60 / 2, seed=seed, console=console)
            for kind in (Kind.REPLICATE, Kind.OPENAI)
        ]
    return outcome(scenarios, seed)


def outcome(scenarios: list[ScenarioResult], seed: int) -> CommandOutcome:
    """Return the outcome of all scenarios."""
    broken = [fault for scenario in scenarios for fault in scenario.ledger.faults]
    broken += [
        fault for scenario in scenarios if scenario.kind is Kind.REPLICATE for fault in _too_many_extra_calls(scenario)
    ]
    broken += [fault for scenario in scenarios for fault in _extra_calls_of_live_workers(scenario)]
    parts = {scenario.name: scenario.data() for scenario in scenarios}
    struck: Counter[str] = sum((scenario.struck for scenario in scenarios), Counter())
    reasons: Counter[str] = sum((scenario.ledger.reasons for scenario in scenarios), Counter())
    data: dict[str, Any] = {
        **{key: sum(part[key] for part in parts.values()) for key in SUMS},
        "recovery_s": percentiles(sorted(value for scenario in scenarios for value in scenario.recovery_s)),
        "kinds": parts,
        "faults": dict(struck),
        "reasons": dict(reasons.most_common()),
        "broken": broken,
        "seed": seed,
    }
    return CommandOutcome(data, view(data, scenarios, broken), ok=not broken)


def _extra_calls_of_live_workers(scenario: ScenarioResult) -> list[str]:
    if not scenario.workers_alive:
        return []
    return [
        f"{scenario.workers_alive} of {scenario.ledger.tasks} tasks were paid for twice while their workers were alive"
    ]


def _too_many_extra_calls(scenario: ScenarioResult) -> list[str]:
    if scenario.extra <= max(1, MOST_EXTRA * scenario.ledger.tasks):
        return []
    return [
        f"{scenario.extra} of {scenario.ledger.tasks} tasks were paid for twice although their work could be resumed"
    ]
