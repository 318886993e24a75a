"""Sessions, tasks and balances for tests of the records, and queries for their results."""

from __future__ import annotations

import uuid
from typing import Any

import psycopg

from schemas.common import Product
from schemas.job import Failure
from schemas.records import NewTask

LEASE_S = 60.0
#: Maximum refund, in the tests, of a price that the ledger does not contain, credits.
MAX_REFUND = 10
FAILURE = Failure(code="server_error", message="A plain sentence.")
_TABLES = (
    "darkroom_jobs, darkroom_pruned_jobs, darkroom_dispatched, darkroom_workers, darkroom_requests, darkroom_ledger, "
    "darkroom_deliveries, darkroom_dead_letters, darkroom_size_feedback, audit_log, generation_sessions, "
    "store_generation_sessions, "
    "image_generation_jobs, images, user_credits, credit_transactions, store_credits, store_credit_transactions"
)


class World:
    """The database as its other users see it: `connection` commits each statement."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def empty(self) -> None:
        self.connection.execute(f"truncate {_TABLES} cascade".encode())

    def one(self, query: str, *values: object) -> Any:
        row = self.connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None

    def user(self, balance: int) -> str:
        user_id = str(uuid.uuid4())
        self.connection.execute("insert into user_credits (user_id, balance) values (%s, %s)", [user_id, balance])
        return user_id

    def store(self, balance: int) -> str:
        store_id = str(uuid.uuid4())
        self.connection.execute("insert into store_credits (store_id, balance) values (%s, %s)", [store_id, balance])
        return store_id

    def workspace(self) -> str:
        return str(uuid.uuid4())

    def balance(self, user_id: str) -> int:
        return int(self.one("select balance from user_credits where user_id::text = %s", user_id))

    def refunds(self) -> int:
        return int(self.one("select count(*) from credit_transactions where amount > 0 and type = 'refund'"))

    def session(self, user_id: str, *, status: str = "queued", price: int = 1) -> str:
        """A shopper's session whose producer charged `price`."""
        session_id = str(uuid.uuid4())
        self.connection.execute(
            "insert into generation_sessions (id, user_id, status, credits_used) values (%s, %s, %s, %s)",
            [session_id, user_id, status, price],
        )
        return session_id

    def store_session(
        self, store_id: str, *, price: int = 1, request_id: str = "req_1", shopper: str | None = None, paid: bool = True
    ) -> str:
        """A store's session whose producer charged `price` to the store, or to its customer `shopper`."""
        session_id = str(uuid.uuid4())
        self.connection.execute(
            "insert into store_generation_sessions (id, store_id, credits_used, request_id, shopper_email)"
            " values (%s, %s, %s, %s, %s)",
            [session_id, store_id, price, request_id, shopper],
        )
        if paid and shopper:
            self.one("select deduct_store_shopper_credits(%s, %s, %s, %s)", store_id, shopper, price, request_id)
        elif paid:
            self.one("select deduct_store_credits(%s, %s, %s, 'Generation')", store_id, price, request_id)
        return session_id

    def image_job(self, workspace_id: str) -> str:
        session_id = str(uuid.uuid4())
        self.connection.execute(
            "select darkroom_insert('image_generation_jobs',"
            " jsonb_build_object('id', %s::text, 'workspace_id', %s::text))",
            [session_id, workspace_id],
        )
        return session_id

    def status(self, session_id: str) -> tuple[str, str | None]:
        """Status and error message of a shopper's session."""
        row = self.connection.execute(
            "select status::text, error_message from generation_sessions where id::text = %s", [session_id]
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def task(self, owner_id: str | None = None, *, price: int = 1) -> NewTask:
        """A shopper's task with its session."""
        owner_id = owner_id or self.user(0)
        return tryon(owner_id, self.session(owner_id, price=price))


def tryon(owner_id: str, session_id: str, *, channel: str = "b2c", task_id: str | None = None) -> NewTask:
    return NewTask(
        task_id=task_id or str(uuid.uuid4()),
        product=Product.TRYON,
        session_id=session_id,
        owner_id=owner_id,
        user_id=owner_id if channel == "b2c" else None,
        channel=channel,
        request_id="req_1",
        payload={"prompt": "ein Kleid, 연두색"},
    )


def images(workspace_id: str, session_id: str) -> NewTask:
    return NewTask(
        task_id=str(uuid.uuid4()),
        product=Product.IMAGES,
        session_id=session_id,
        owner_id=workspace_id,
        user_id=None,
        channel="workspace",
        request_id="req_1",
        payload={},
    )


def avatar(user_id: str) -> NewTask:
    task_id = str(uuid.uuid4())
    return NewTask(
        task_id=task_id,
        product=Product.AVATAR,
        session_id=task_id,
        owner_id=user_id,
        user_id=user_id,
        channel="web",
        request_id="req_1",
        payload={},
    )
