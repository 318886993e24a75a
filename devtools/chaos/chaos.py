"""`manage.py chaos`: break everything while tasks flow, then say what became of every task and every credit."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console

from commands.outcome import CommandError, CommandOutcome
from devtools.chaos.deck import Deck
from devtools.chaos.provider import Kind
from devtools.chaos.scenario import Round, percentiles, play
from devtools.chaos.table import view
from devtools.chaos.testbed import ChaosTestbed

if TYPE_CHECKING:
    from settings import Settings

#: With ids that can be asked about again, at most this share of the tasks is paid for twice.
MOST_EXTRA = 0.02
SUMS = (
    "tasks", "terminal", "completed", "failed", "lost", "refunds", "double_refunds", "extra_paid_calls",
    "provoked_paid_calls", "extra_paid_calls_workers_alive",
)  # fmt: skip


def chaos(settings: Settings, *, minutes: float, seed: int) -> CommandOutcome:
    """Run load and faults for `minutes`: half of it with a provider whose work can be resumed, half with one without.

    Raises:
        CommandError: Supabase is set: nothing outside this machine is broken.
        StartError: Something can't be started.
    """
    if settings.supabase_url:
        raise CommandError("chaos breaks only what it runs itself: unset SUPABASE_URL.")
    console = Console(stderr=True)
    console.print(f"Seed {seed}. Starting a Valkey, a PostgreSQL, a provider that counts, two workers, a scheduler…")
    deck = Deck(f"{seed}:faults")
    with ChaosTestbed(settings, seed) as servers:
        rounds = [
            play(servers, kind, deck, seconds=minutes * 60 / 2, seed=seed, console=console)
            for kind in (Kind.REPLICATE, Kind.OPENAI)
        ]
    return outcome(rounds, seed)


def outcome(rounds: list[Round], seed: int) -> CommandOutcome:
    """The ledger of all rounds."""
    broken = [fault for one in rounds for fault in one.ledger.faults]
    broken += [fault for one in rounds if one.kind is Kind.REPLICATE for fault in _overpaid(one)]
    broken += [fault for one in rounds for fault in _paid_again(one)]
    parts = {one.name: one.data() for one in rounds}
    struck: Counter[str] = sum((one.struck for one in rounds), Counter())
    reasons: Counter[str] = sum((one.ledger.reasons for one in rounds), Counter())
    data: dict[str, Any] = {
        **{key: sum(part[key] for part in parts.values()) for key in SUMS},
        "recovery_s": percentiles(sorted(value for one in rounds for value in one.recovery_s)),
        "kinds": parts,
        "faults": dict(struck),
        "reasons": dict(reasons.most_common()),
        "broken": broken,
        "seed": seed,
    }
    return CommandOutcome(data, view(data, rounds, broken), ok=not broken)


def _paid_again(one: Round) -> list[str]:
    if not one.workers_alive:
        return []
    return [f"{one.workers_alive} of {one.ledger.tasks} tasks were paid for again although their workers were alive"]


def _overpaid(one: Round) -> list[str]:
    if one.extra <= max(1, MOST_EXTRA * one.ledger.tasks):
        return []
    return [f"{one.extra} of {one.ledger.tasks} tasks were paid for again although their work could be resumed"]
