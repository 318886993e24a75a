"""A limited amount of something, shared between owners: no single owner can use up all of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple


class _Waiter(NamedTuple):
    owner: str
    amount: int
    granted: asyncio.Future[None]


class OwnerShares:
    """Grants amounts in the order of the requests, skipping owners that hold their share. For one event loop."""

    def __init__(self, total: int, *, per_owner: int) -> None:
        """Share `total`, of which one owner holds at most `per_owner` at a time.

        Raises:
            ValueError: `per_owner` is not between 1 and `total`.
        """
        if not 0 < per_owner <= total:
            raise ValueError(f"A share of {per_owner} is not between 1 and the total of {total}.")
        self._total, self._per_owner = total, per_owner
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []

    @property
    def held(self) -> int:
        """The amount that is granted now."""
        return self._held.total()

    @asynccontextmanager
    async def hold(self, owner: str, amount: int = 1) -> AsyncIterator[None]:
        """Hold `amount` inside the block, after waiting for it.

        An amount larger than a share is granted as a whole share.
        """
        amount = min(amount, self._per_owner)
        await self._acquire(owner, amount)
        try:
            yield
        finally:
            self._release(owner, amount)

    async def _acquire(self, owner: str, amount: int) -> None:
        waiter = _Waiter(owner, amount, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._grant()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled():
                self._release(owner, amount)
            else:
                self._waiting.remove(waiter)
                self._grant()
            raise

    def _release(self, owner: str, amount: int) -> None:
        self._held[owner] -= amount
        if not self._held[owner]:
            del self._held[owner]
        self._grant()

    def _grant(self) -> None:
        for waiter in list(self._waiting):
            if waiter.granted.cancelled() or self._held[waiter.owner] + waiter.amount > self._per_owner:
                continue
            if self.held + waiter.amount > self._total:
                # Later and smaller requests don't overtake, or a large one might wait for ever.
                return
            self._waiting.remove(waiter)
            self._held[waiter.owner] += waiter.amount
            waiter.granted.set_result(None)
