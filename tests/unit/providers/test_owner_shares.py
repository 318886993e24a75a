import asyncio

import pytest

from providers.owner_shares import OwnerShares


class Holders:
    """Holders of amounts, each in a task that ends on request."""

    def __init__(self, shares: OwnerShares) -> None:
        self.shares = shares
        self.holding: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def add(self, name: str, owner: str, amount: int) -> None:
        self.tasks[name] = asyncio.create_task(self._hold(name, owner, amount))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        self.tasks.pop(name).cancel()
        for _ in range(3):
            await asyncio.sleep(0)

    async def _hold(self, name: str, owner: str, amount: int) -> None:
        async with self.shares.hold(owner, amount):
            self.holding.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.holding.remove(name)


async def test_an_owner_waits_for_its_own_share_and_others_do_not_wait_for_it() -> None:
    holders = Holders(OwnerShares(10, per_owner=5))
    await holders.add("a1", "a", 3)
    await holders.add("a2", "a", 3)
    await holders.add("b1", "b", 5)
    assert holders.holding == ["a1", "b1"]
    await holders.end("a1")
    assert holders.holding == ["b1", "a2"]


async def test_a_large_request_is_not_overtaken_for_ever() -> None:
    holders = Holders(OwnerShares(10, per_owner=8))
    await holders.add("a1", "a", 4)
    await holders.add("b1", "b", 8)
    await holders.add("c1", "c", 1)
    assert holders.holding == ["a1"]
    await holders.end("a1")
    assert holders.holding == ["b1", "c1"]


async def test_a_waiter_that_gives_up_lets_the_next_one_in() -> None:
    holders = Holders(OwnerShares(10, per_owner=8))
    await holders.add("a1", "a", 4)
    await holders.add("b1", "b", 8)
    await holders.add("c1", "c", 1)
    await holders.end("b1")
    assert holders.holding == ["a1", "c1"]
    await holders.end("a1")
    await holders.end("c1")
    assert holders.shares.held == 0


async def test_holders_and_waiters_that_are_cancelled_together_leave_nothing_held() -> None:
    holders = Holders(OwnerShares(1, per_owner=1))
    for name in ("a1", "b1", "c1"):
        await holders.add(name, name, 1)
    # In one turn of the loop: the end of the holder grants nothing to waiters that are cancelled already.
    for task in holders.tasks.values():
        task.cancel()
    ended = await asyncio.gather(*holders.tasks.values(), return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended)
    async with holders.shares.hold("d"):
        assert holders.shares.held == 1


async def test_a_waiter_that_is_cancelled_once_it_was_granted_returns_its_amount() -> None:
    holders = Holders(OwnerShares(1, per_owner=1))
    await holders.add("a1", "a", 1)
    await holders.add("b1", "b", 1)
    holders.tasks["a1"].cancel()
    await asyncio.sleep(0)
    holders.tasks["b1"].cancel()
    await asyncio.gather(*holders.tasks.values(), return_exceptions=True)
    assert holders.shares.held == 0


async def test_more_than_a_share_is_a_whole_share() -> None:
    shares = OwnerShares(10, per_owner=5)
    async with shares.hold("a", 50):
        assert shares.held == 5


@pytest.mark.parametrize("per_owner", [0, 11])
def test_a_share_outside_the_total_is_refused(per_owner: int) -> None:
    with pytest.raises(ValueError, match="not between"):
        OwnerShares(10, per_owner=per_owner)
