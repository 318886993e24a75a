"""Pays for tasks of products that Darkroom charges itself, as its HTTP service does."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from devtools.demo.task import DemoTask

#: What one photo or one batch costs and what each payer has before, credits.
PRICE = 1
BALANCE = 20


def new_payer(database: psycopg.Connection) -> str:
    """Somebody with credits."""
    user = str(uuid.uuid4())
    database.execute("INSERT INTO user_credits (user_id, balance) VALUES (%s, %s)", [user, BALANCE])
    return user


def pay(database: psycopg.Connection, task: DemoTask, *, owner: str, payer: str) -> None:
    """Charge `payer` for the task."""
    database.execute(
        "SELECT darkroom_charge(%s, %s, %s, %s, %s, %s, 1, %s, %s)",
        [
            task.product.value, task.channel, task.session_id, owner, payer, task.payload["request_id"], task.credits,
            "Generation",
        ],
    )  # fmt: skip
