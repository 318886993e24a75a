"""Calls that the provider would bill, by wire format and task."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from devtools.chaos.provider.behaviour import Behaviour, Fate
from devtools.chaos.provider.kinds import Kind

MARKER = re.compile(r"\[task:([A-Za-z0-9_-]{1,64})\]")
#: OpenAI and Gemini bill every executed call, even if its response is lost; refusals and errors are free.
SYNCHRONOUS_BILLS = frozenset({Fate.PICTURE, Fate.HANG, Fate.EMPTY, Fate.REPLY_LOST})
#: Queues bill the output: work that never ends or is cancelled is free.
QUEUE_BILLS = frozenset({Fate.PICTURE, Fate.EMPTY, Fate.REPLY_LOST})
#: Billed calls without a usable response, caused by the provider.
PROVOKED = frozenset({Fate.HANG, Fate.EMPTY, Fate.REPLY_LOST})


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call, its result and its duration."""

    task: str
    fate: Fate
    seconds: float


class CallLog:
    """Draw the result of each call and count the billed ones."""

    def __init__(self, seed: int) -> None:
        """Draw results with `seed`."""
        self._seed = seed
        self.behaviour = Behaviour()
        self._numbers: Counter[tuple[Kind, str]] = Counter()
        self._paid: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        self._provoked: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        self._fates: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}

    def open(self, kind: Kind, prompt: str) -> LoggedCall:
        """Draw the result of a new call, and count the call if it is billed."""
        found = MARKER.search(prompt)
        task = found.group(1) if found else ""
        number = self._numbers[kind, task]
        self._numbers[kind, task] += 1
        call = LoggedCall(task, *self.behaviour.fate(self._seed, f"{kind}:{task}", number))
        self._fates[kind][call.fate.value] += 1
        self._bill(kind, call, 1)
        return call

    def cancel(self, kind: Kind, call: LoggedCall) -> None:
        """Remove a call that was cancelled before its end from the billed ones."""
        self._fates[kind]["cancelled"] += 1
        self._bill(kind, call, -1)

    def report(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return by kind: billed calls by task, those without a usable response (`provoked`), and calls by result."""
        return {
            kind.value: {
                "paid": dict(+self._paid[kind]),
                "provoked": dict(+self._provoked[kind]),
                "fates": dict(self._fates[kind]),
            }
            for kind in Kind
        }

    def _bill(self, kind: Kind, call: LoggedCall, number: int) -> None:
        if call.fate in (SYNCHRONOUS_BILLS if kind in {Kind.OPENAI, Kind.GEMINI} else QUEUE_BILLS):
            self._paid[kind][call.task] += number
            if call.fate in PROVOKED:
                self._provoked[kind][call.task] += number
