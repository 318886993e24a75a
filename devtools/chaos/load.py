"""Producers: charge, insert the session, push the task, and retry when the result is unknown.

Pushing twice is safe: tasks with the same id run once. Some tasks are pushed twice on purpose.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, LiteralString

import orjson
import psycopg
import redis.exceptions
from psycopg import sql

from commands.sessions import write_session
from devtools.chaos.provider import marked
from providers.redis_clients import sync_client
from schemas.common import Product
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Mean tasks per second, maximum tasks of one burst, share of tasks pushed twice.
RATE = 1.7
BURST = 12
TWICE = 0.05
#: Initial balance of each owner, and maximum price of a task, credits.
BALANCE = 100_000
MOST_CREDITS = 3
SHOPPERS, SHOPS = 8, 4
#: Interval of retries, seconds.
RETRY_S = 0.3
WHAT = "Virtual try-on"
KNOWN: dict[str, LiteralString] = {
    "b2c": "select 1 from generation_sessions where id = %s",
    "b2b": "select 1 from store_generation_sessions where id = %s",
}
OPEN = sql.SQL("insert into {} ({}, balance) values (%s, %s)")
ACCOUNTS = {"b2c": ("user_credits", "user_id"), "b2b": ("store_credits", "store_id")}


@dataclass(frozen=True, slots=True)
class TaskOwner:
    """Owner of tasks, who pays for them."""

    channel: str
    id: str


@dataclass(frozen=True, slots=True)
class ChaosTask:
    """One task of a producer, who charged `credits` for it."""

    task_id: str
    session_id: str
    owner: TaskOwner
    credits: int

    @property
    def request_id(self) -> str:
        """Request id of the charge, the refund and the logs."""
        return f"req_{self.task_id}"


@dataclass
class TaskLoad:
    """Push tasks from a thread until `stop` is called.

    Attributes:
        tasks: Tasks charged so far.
        owners: Owners of the tasks.
    """

    database_url: str
    redis_url: str
    picture_urls: Sequence[str]
    seed: str
    tasks: list[ChaosTask] = field(default_factory=list)
    owners: list[TaskOwner] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  not for security: a seed repeats the run
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._redis = sync_client(self.redis_url, max_connections=2)

    def start(self) -> None:
        """Create the accounts and start the thread."""
        with psycopg.connect(self.database_url) as database:
            for channel, number in (("b2c", SHOPPERS), ("b2b", SHOPS)):
                table, column = map(sql.Identifier, ACCOUNTS[channel])
                for owner in [TaskOwner(channel, self._id()) for _ in range(number)]:
                    database.execute(OPEN.format(table, column), [owner.id, BALANCE])
                    self.owners.append(owner)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current burst."""
        self._stopped.set()
        self._thread.join()
        self._redis.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            burst = [self._next() for _ in range(self._random.randint(1, BURST))]
            for task in burst:
                self._charge(task)
                self.tasks.append(task)
                for _ in range(1 + (self._random.random() < TWICE)):
                    self._push(task)
            self._stopped.wait(self._random.uniform(0, 2) * len(burst) / RATE)

    def _next(self) -> ChaosTask:
        return ChaosTask(
            self._id(), self._id(), self._random.choice(self.owners), self._random.randint(1, MOST_CREDITS)
        )

    def _charge(self, task: ChaosTask) -> None:
        while True:
            try:
                with psycopg.connect(self.database_url) as database:
                    # The commit may have happened although its answer got lost.
                    if not database.execute(KNOWN[task.owner.channel], [task.session_id]).fetchone():
                        _write(database, task, self.picture_urls)
            except psycopg.OperationalError:
                time.sleep(RETRY_S)
            else:
                return

    def _push(self, task: ChaosTask) -> None:
        payload = orjson.dumps(self._payload(task))
        while True:
            try:
                self._redis.lpush(TASK_LISTS[Product.TRYON], payload)
            except redis.exceptions.RedisError:
                time.sleep(RETRY_S)
            else:
                return

    def _payload(self, task: ChaosTask) -> dict[str, Any]:
        return {
            "task_id": task.task_id,
            "channel": task.owner.channel,
            "user_id": task.owner.id if task.owner.channel == "b2c" else None,
            "store_id": task.owner.id if task.owner.channel == "b2b" else None,
            "session_id": task.session_id,
            "image_urls": list(self.picture_urls),
            "prompt": marked("", task.task_id),
            "request_id": task.request_id,
            "version": 1,
            "created_at": datetime.now(UTC).isoformat(),
        }

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _write(database: psycopg.Connection, task: ChaosTask, urls: Sequence[str]) -> None:
    owner = task.owner
    if owner.channel == "b2c":
        database.execute("select deduct_credits(%s, %s, %s)", [owner.id, task.credits, WHAT])
    else:
        database.execute("select deduct_store_credits(%s, %s, %s, %s)", [owner.id, task.credits, task.request_id, WHAT])
    write_session(
        database, owner.channel, session_id=task.session_id, owner_id=owner.id, urls=urls, prompt="",
        credits_used=task.credits,
    )  # fmt: skip
