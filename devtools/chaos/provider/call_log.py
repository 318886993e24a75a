"""What the provider would bill, by kind and task."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from devtools.chaos.provider.behaviour import Behaviour, Fate
from devtools.chaos.provider.kinds import Kind

MARKER = re.compile(r"\[task:([A-Za-z0-9_-]{1,64})\]")
#: OpenAI bills what it worked on, whether or not anybody hears of it; refusals and errors are free.
OPENAI_BILLS = frozenset({Fate.PICTURE, Fate.HANG, Fate.EMPTY, Fate.REPLY_LOST})
#: Replicate bills the output of image models: what never ends, or is cancelled before, is free.
REPLICATE_BILLS = frozenset({Fate.PICTURE, Fate.EMPTY, Fate.REPLY_LOST})
#: Bills for which our user gets nothing through no fault of ours.
PROVOKED = frozenset({Fate.HANG, Fate.EMPTY, Fate.REPLY_LOST})


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call that asked for work."""

    task: str
    fate: Fate
    seconds: float


class CallLog:
    """Draws the fate of each call and writes down what is billed."""

    def __init__(self, seed: int) -> None:
        """Draw with `seed`."""
        self._seed = seed
        self.behaviour = Behaviour()
        self._asked: Counter[tuple[Kind, str]] = Counter()
        self._paid: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        self._provoked: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}
        self._fates: dict[Kind, Counter[str]] = {kind: Counter() for kind in Kind}

    def open(self, kind: Kind, prompt: str) -> LoggedCall:
        """A call came in: what becomes of it. What is billed is on the bill from here on."""
        found = MARKER.search(prompt)
        task = found.group(1) if found else ""
        number = self._asked[kind, task]
        self._asked[kind, task] += 1
        call = LoggedCall(task, *self.behaviour.fate(self._seed, f"{kind}:{task}", number))
        self._fates[kind][call.fate.value] += 1
        self._bill(kind, call, 1)
        return call

    def cancel(self, kind: Kind, call: LoggedCall) -> None:
        """It was cancelled before it was done: it comes off the bill."""
        self._fates[kind]["cancelled"] += 1
        self._bill(kind, call, -1)

    def report(self) -> dict[str, dict[str, dict[str, int]]]:
        """By kind: billed calls of each task, those of them that brought nothing by our own fault, calls by fate."""
        return {
            kind.value: {
                "paid": dict(+self._paid[kind]),
                "provoked": dict(+self._provoked[kind]),
                "fates": dict(self._fates[kind]),
            }
            for kind in Kind
        }

    def _bill(self, kind: Kind, call: LoggedCall, number: int) -> None:
        if call.fate in (OPENAI_BILLS if kind is Kind.OPENAI else REPLICATE_BILLS):
            self._paid[kind][call.task] += number
            if call.fate in PROVOKED:
                self._provoked[kind][call.task] += number
