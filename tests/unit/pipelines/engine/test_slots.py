from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pipelines.engine.slots import MAX_ACTIVE_JOBS, Slot, SlotPool
from pipelines.retrying.stage_context import waiting_on_io

if TYPE_CHECKING:
    from collections.abc import Callable


def open_pool(**limits: int) -> SlotPool:
    slots = SlotPool(limits)
    for queue in limits:
        slots.open(queue)
    return slots


def claim_slot(slots: SlotPool, message_id: str, queue: str) -> Slot:
    slots.reserve(message_id, queue)
    return slots.claim(message_id)


def assert_wakes(slots: SlotPool, queue: str, change: Callable[[], object]) -> None:
    """A thread that waits for a slot at the queue continues after the change."""
    woken = threading.Event()

    def wait() -> None:
        slots.wait_for_slot(queue, 60)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    deadline = time.monotonic() + 10
    while not slots._changed._waiters:  # type: ignore[attr-defined]  # until the thread really waits
        assert time.monotonic() < deadline, "the thread did not wait"
        time.sleep(0.001)
    assert not woken.is_set()

    change()

    assert woken.wait(10)
    thread.join()


def test_a_transfer_frees_the_slot_at_one_queue_and_uses_one_at_another() -> None:
    slots = open_pool(fetch=2, resize=1)
    slot = claim_slot(slots, "m1", "fetch")
    assert slots.free_slots("fetch") == 1

    assert slot.transfer("resize")

    assert (slots.free_slots("fetch"), slots.free_slots("resize")) == (2, 0)
    slot.release()
    assert slots.free_slots("resize") == 1


def test_no_job_is_transferred_to_a_full_queue() -> None:
    slots = open_pool(fetch=2, resize=1)
    assert claim_slot(slots, "m1", "fetch").transfer("resize")

    assert not claim_slot(slots, "m2", "fetch").transfer("resize")

    assert slots.free_slots("fetch") == 1


def test_no_job_is_transferred_to_a_queue_of_other_workers_or_while_the_process_stops() -> None:
    slots = SlotPool({"fetch": 1, "resize": 1})
    slots.open("fetch")
    slot = claim_slot(slots, "m1", "fetch")
    assert not slot.transfer("resize")
    slots.open("resize")

    slots.close()

    assert not slot.transfer("resize")
    assert slots.free_slots("resize") == 0


def test_releasing_a_message_frees_its_slot_once_and_never_that_of_its_job() -> None:
    slots = open_pool(fetch=2)
    slots.reserve("m1", "fetch")
    slot = claim_slot(slots, "m2", "fetch")

    for message in ("m1", "m1", "m2"):
        slots.release(message)

    assert slots.free_slots("fetch") == 1
    slot.release()
    assert slots.free_slots("fetch") == 2


def test_a_transfer_wakes_a_thread_that_waits_for_a_slot() -> None:
    slots = open_pool(fetch=1, resize=1)
    slot = claim_slot(slots, "m1", "fetch")

    assert_wakes(slots, "fetch", lambda: slot.transfer("resize"))


def test_a_stopping_process_waits_until_no_slot_is_used() -> None:
    slots = open_pool(fetch=2, resize=1)
    slot = claim_slot(slots, "m1", "fetch")
    slots.close()
    assert not slots.wait_until_empty(0)
    thread = threading.Timer(0.05, slot.release)
    thread.start()

    assert slots.wait_until_empty(10)

    thread.join()


def test_a_busy_process_fetches_nothing_until_some_of_its_jobs_wait_for_io() -> None:
    slots = open_pool(fetch=MAX_ACTIVE_JOBS, generate=MAX_ACTIVE_JOBS, control=1)
    jobs = [claim_slot(slots, f"m{number}", "fetch") for number in range(MAX_ACTIVE_JOBS)]
    assert all(job.transfer("generate") for job in jobs)
    assert (slots.free_slots("fetch"), slots.free_slots("control")) == (0, 1)

    with jobs[0].bind(), waiting_on_io(), waiting_on_io():
        assert slots.free_slots("fetch") == 2

    assert slots.free_slots("fetch") == 0
    jobs[0].release()
    assert slots.free_slots("fetch") == 1


def test_a_job_that_waits_for_io_wakes_a_thread_that_waits_for_a_slot() -> None:
    slots = open_pool(fetch=MAX_ACTIVE_JOBS, generate=1)
    for number in range(MAX_ACTIVE_JOBS):
        slots.reserve(f"m{number}", "fetch")

    assert_wakes(slots, "generate", lambda: slots.adjust_idle(1))
