"""Charge the tasks of products that Darkroom itself charges, as its HTTP service does."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psycopg

    from devtools.demo.task import DemoTask

#: Price of a photo or batch and initial balance of each payer, credits.
PRICE = 1
BALANCE = 20


def new_payer(database: psycopg.Connection) -> str:
    """Insert a user with credits and return the id."""
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
