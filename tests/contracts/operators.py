"""Contract of the operators' records, for every way of reaching the database."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from providers.records.operators import Credits, Grant, Granted, NewSession
from schemas.common import Product
from schemas.records import DeadLetter, Verdict
from tests.contracts.database_fixture import images, tryon

if TYPE_CHECKING:
    from providers.records import Records
    from tests.contracts.database_fixture import World


async def new_session(records: Records, owner_id: str, session_id: str, product: str = "tryon b2c") -> NewSession:
    name, channel = product.split()
    columns = {"progress": 0} if name == "images" else {"model_image_url": "", "credits_used": 0}
    return await records.operators.new_session(
        Product(name), channel, owner_id=owner_id, session_id=session_id, columns=columns
    )


async def add(records: Records, owner_id: str, amount: int, *, channel: str = "b2c") -> Granted:
    return await records.operators.add_credits(channel, owner_id, amount, request_id="req_9", reason="A gift")


class OperatorContract:
    async def test_a_new_session_accepts_a_task_and_costs_nothing(self, records: Records, world: World) -> None:
        user, store, workspace = world.user(3), world.store(3), world.workspace()
        tasks = [
            tryon(user, str(uuid.uuid4())),
            tryon(store, str(uuid.uuid4()), channel="b2b"),
            images(workspace, str(uuid.uuid4())),
        ]
        for task in tasks:
            kind = f"{task.product.value} {task.channel}"
            assert await new_session(records, task.owner_id, task.session_id, kind) is NewSession.CREATED
            assert await new_session(records, task.owner_id, task.session_id, kind) is NewSession.EXISTS
        assert set((await records.accept(tasks)).values()) == {Verdict.ACCEPTED}
        assert world.balance(user) == 3

    async def test_a_session_of_a_product_without_sessions_is_refused(self, records: Records) -> None:
        assert await new_session(records, "anna", "s-1", "avatar web") is NewSession.NO_TABLE

    async def test_added_credits_are_in_the_balance_the_total_and_the_ledger(
        self, records: Records, world: World
    ) -> None:
        user, store = world.user(3), world.store(0)
        assert await add(records, user, 5) == Granted(outcome=Grant.ADDED, balance=8)
        assert await records.operators.credits("b2c", user) == Credits(balance=8, total_earned=5, total_spent=0)
        assert world.one("select description from credit_transactions where amount = 5") == "A gift"
        assert await add(records, store, 2, channel="b2b") == Granted(outcome=Grant.ADDED, balance=2)
        assert await records.operators.credits("b2b", store) == Credits(balance=2, total_purchased=2, total_spent=0)
        assert world.one("select description from store_credit_transactions where request_id = 'req_9'") == "A gift"

    async def test_the_first_credits_of_an_owner_create_one_balance(self, records: Records, world: World) -> None:
        user = world.user(0)
        world.connection.execute("truncate user_credits")
        assert await records.operators.credits("b2c", user) is None
        found = await asyncio.gather(*(add(records, user, 1) for _ in range(10)))
        assert sorted(item.balance for item in found) == list(range(1, 11))
        assert world.balance(user) == 10

    async def test_a_dead_letter_is_found_by_its_task_and_by_its_session(self, records: Records) -> None:
        letter = DeadLetter(list="l", code="invalid", reason="r", payload="{}", task_id="t-1", session_id="s-1")
        await records.add_dead_letters([letter])
        for identifier in ("t-1", "s-1"):
            assert [item.task_id for item in await records.dead_letters_of(identifier)] == ["t-1"]
        assert await records.dead_letters_of("t-2") == []

    async def test_a_dead_letter_without_a_message_does_not_change_the_session(
        self, records: Records, world: World
    ) -> None:
        session = world.session(world.user(0), price=2)
        letter = DeadLetter(
            list="l", code="unknown_session", reason="r", payload="{}", product=Product.TRYON, channel="b2c",
            session_id=session, request_id="req_1",
        )  # fmt: skip
        assert await records.add_dead_letters([letter]) == 0
        assert world.status(session) == ("queued", None)
