"""Random order of the faults: every kind once before any kind repeats."""

from __future__ import annotations

import random

#: Number of each fault in the deck, after every kind has been injected once.
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
    """A shuffled deck of faults, shared by the scenarios of a run, so that any longer run injects every kind."""

    def __init__(self, seed: str) -> None:
        """Shuffle; the same seed gives the same order."""
        self._random = random.Random(seed)  # noqa: S311  not for security: a seed repeats the run
        self._cards = self._shuffled(list(WEIGHTS))

    def draw(self) -> str:
        """Take the next fault."""
        if not self._cards:
            self._cards = self._shuffled([name for name, number in WEIGHTS.items() for _ in range(number)])
        return self._cards.pop()

    def put_back(self, fault: str) -> None:
        """Put back a fault that could not be injected; it is drawn again before the deck is empty."""
        self._cards.insert(0, fault)

    def _shuffled(self, cards: list[str]) -> list[str]:
        self._random.shuffle(cards)
        return cards
