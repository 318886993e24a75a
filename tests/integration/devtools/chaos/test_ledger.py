"""The audit reports violations: each test breaks one rule in a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from devtools.chaos.ledger import Ledger, audit, unfinished
from devtools.chaos.load import ChaosTask, TaskLoad, TaskOwner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = {"b2c": "generation_sessions", "b2b": "store_generation_sessions"}


class Shop:
    """Six charged tasks: the first three of each channel."""

    def __init__(self, database_url: str, redis_url: str, storage: Path) -> None:
        self.load = TaskLoad(database_url, redis_url, ("http://a", "http://b"), str(storage))
        self.load.start()
        self.load.stop()
        self.database = psycopg.connect(database_url, autocommit=True)
        self.storage = storage
        self.tasks = [self._task(channel) for channel in ("b2c", "b2b") for _ in range(3)]

    def _task(self, channel: str) -> ChaosTask:
        owner = next(owner for owner in self.load.owners if owner.channel == channel)
        task = ChaosTask(self.load._id(), self.load._id(), owner, 2)
        self.load._charge(task)
        return task

    def complete(self, task: ChaosTask) -> None:
        self.database.execute(
            f"update {TABLES[task.owner.channel]} set status = 'completed', generated_image_url = 'u' where id = %s",
            [task.session_id],
        )

    def fail(self, task: ChaosTask) -> None:
        self.database.execute(
            "select darkroom_fail_session('tryon', %s, %s, 'why', %s, p_max_refund => 2)",
            [task.owner.channel, task.session_id, task.request_id],
        )

    def audit(self) -> Ledger:
        owners: set[TaskOwner] = {task.owner for task in self.tasks}
        mine = [task for task in self.load.tasks if task.owner in owners]
        return audit(self.database, [*mine, *self.tasks], list(owners), self.storage)


@pytest.fixture
def shop(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(database_url, redis_url, tmp_path)
    for task in opened.load.tasks:
        opened.complete(task)
    for task in opened.tasks:
        opened.complete(task) if task is not opened.tasks[0] else opened.fail(task)
    yield opened
    opened.database.close()


def test_consistent_accounts_have_no_violations(shop: Shop) -> None:
    ledger = shop.audit()

    assert ledger.faults == []
    assert (ledger.failed, ledger.refunds, ledger.lost, ledger.double_refunds) == (1, 1, 0, 0)
    assert ledger.reasons == {"why": 1}


def test_a_session_that_did_not_end_is_lost(shop: Shop) -> None:
    task = shop.tasks[1]
    shop.database.execute("update generation_sessions set status = 'processing' where id = %s", [task.session_id])

    ledger = shop.audit()

    assert ledger.lost == 1
    assert unfinished(shop.database, shop.tasks) == 1
    assert "did not end" in ledger.faults[0]


@pytest.mark.parametrize("channel", ["b2c", "b2b"])
def test_a_second_refund_is_found_in_the_products_own_ledger(shop: Shop, channel: str) -> None:
    task = next(task for task in shop.tasks if task.owner.channel == channel)
    if channel == "b2b":
        shop.database.execute("select refund_store_credits(%s, 2, 'r', 'again')", [task.owner.id])
    else:
        shop.database.execute("select refund_credits(%s, 2, 'again')", [task.owner.id])

    ledger = shop.audit()

    assert ledger.double_refunds == 1
    assert any("too often" in fault for fault in ledger.faults)
    assert any("credits, not" in fault for fault in ledger.faults)


def test_a_refund_of_a_completed_session_is_a_violation(shop: Shop) -> None:
    shop.database.execute(
        "update generation_sessions set status = 'completed', generated_image_url = 'u' where id = %s",
        [shop.tasks[0].session_id],
    )

    assert any("completed and was refunded 2" in fault for fault in shop.audit().faults)


def test_a_failed_session_without_a_refund_is_a_violation(shop: Shop) -> None:
    shop.database.execute(
        "update store_generation_sessions set status = 'failed' where id = %s", [shop.tasks[-1].session_id]
    )

    assert any("cost 2 and was refunded 0" in fault for fault in shop.audit().faults)
