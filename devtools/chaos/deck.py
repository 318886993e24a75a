"""Which fault comes next: every kind once, in a random order, before any kind comes again."""

from __future__ import annotations

import random

#: How often each fault is in the deck, once every kind has struck.
WEIGHTS = {
    "kill_child": 6,
    "kill_master": 3,
    "restart_redis": 2,
    "empty_redis": 1,
    "crash_database": 1,
    "database_away_short": 2,
    "database_away_long": 2,
    "redis_away_long": 1,
    "storage_away_short": 1,
    "storage_away_long": 1,
    "disk_full_short": 1,
    "disk_full_long": 1,
    "spoil_provider": 4,
    "cancel": 4,
}


class Deck:
    """A shuffled deck of faults, shared by the rounds of a run, so that every kind strikes in any longer run."""

    def __init__(self, seed: str) -> None:
        """Shuffle; the same seed gives the same order."""
        self._chance = random.Random(seed)  # noqa: S311  repeatable is the point
        self._cards = self._shuffled(list(WEIGHTS))

    def draw(self) -> str:
        """Take the next fault."""
        if not self._cards:
            self._cards = self._shuffled([name for name, number in WEIGHTS.items() for _ in range(number)])
        return self._cards.pop()

    def put_back(self, fault: str) -> None:
        """Return a fault that could not strike; it comes again before the deck is used up."""
        self._cards.insert(0, fault)

    def _shuffled(self, cards: list[str]) -> list[str]:
        self._chance.shuffle(cards)
        return cards
