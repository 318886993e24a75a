from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pipelines.engine.slots import MAX_ACTIVE_JOBS, Slot, SlotPool, waiting_on_io

if TYPE_CHECKING:
    from collections.abc import Callable


def opened(**limits: int) -> SlotPool:
    slots = SlotPool(limits)
    for queue in limits:
        slots.open(queue)
    return slots


def taken(slots: SlotPool, message_id: str, queue: str) -> Slot:
    slots.enter(message_id, queue)
    return slots.take_over(message_id)


def assert_wakes(slots: SlotPool, queue: str, change: Callable[[], object]) -> None:
    """Whoever waits for room at the queue goes on with the change, and not before."""
    woken = threading.Event()

    def wait() -> None:
        slots.wait_for_room(queue, 60)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not woken.is_set()

    change()

    assert woken.wait(10)
    thread.join()


def test_a_job_that_is_carried_on_frees_its_place_and_takes_one_there() -> None:
    slots = opened(fetch=2, resize=1)
    slot = taken(slots, "m1", "fetch")
    assert slots.room("fetch") == 1

    assert slot.move("resize")

    assert (slots.room("fetch"), slots.room("resize")) == (2, 0)
    slot.leave()
    assert slots.room("resize") == 1


def test_nothing_is_carried_to_a_queue_that_is_full() -> None:
    slots = opened(fetch=2, resize=1)
    assert taken(slots, "m1", "fetch").move("resize")

    assert not taken(slots, "m2", "fetch").move("resize")

    assert slots.room("fetch") == 1


def test_nothing_is_carried_to_a_queue_that_is_worked_on_elsewhere_or_once_the_process_leaves() -> None:
    slots = SlotPool({"fetch": 1, "resize": 1})
    slots.open("fetch")
    slot = taken(slots, "m1", "fetch")
    assert not slot.move("resize")
    slots.open("resize")

    slots.close()

    assert not slot.move("resize")
    assert slots.room("resize") == 0


def test_a_message_that_was_seen_to_frees_its_place_once_and_not_that_of_its_job() -> None:
    slots = opened(fetch=2)
    slots.enter("m1", "fetch")
    slot = taken(slots, "m2", "fetch")

    for message in ("m1", "m1", "m2"):
        slots.forget(message)

    assert slots.room("fetch") == 1
    slot.leave()
    assert slots.room("fetch") == 2


def test_whoever_waits_for_room_is_woken_when_a_job_is_carried_on() -> None:
    slots = opened(fetch=1, resize=1)
    slot = taken(slots, "m1", "fetch")

    assert_wakes(slots, "fetch", lambda: slot.move("resize"))


def test_a_process_that_leaves_knows_when_nothing_is_in_hand() -> None:
    slots = opened(fetch=2, resize=1)
    slot = taken(slots, "m1", "fetch")
    slots.close()
    assert not slots.wait_until_empty(0)
    thread = threading.Timer(0.05, slot.leave)
    thread.start()

    assert slots.wait_until_empty(10)

    thread.join()


def test_a_busy_process_takes_nothing_more_until_some_of_its_jobs_rest() -> None:
    slots = opened(fetch=MAX_ACTIVE_JOBS, generate=MAX_ACTIVE_JOBS, control=1)
    jobs = [taken(slots, f"m{number}", "fetch") for number in range(MAX_ACTIVE_JOBS)]
    assert all(job.move("generate") for job in jobs)
    assert (slots.room("fetch"), slots.room("control")) == (0, 1)

    with jobs[0].here(), waiting_on_io(), waiting_on_io():
        assert slots.room("fetch") == 2

    assert slots.room("fetch") == 0
    jobs[0].leave()
    assert slots.room("fetch") == 1


def test_whoever_waits_for_room_is_woken_when_a_job_rests() -> None:
    slots = opened(fetch=MAX_ACTIVE_JOBS, generate=1)
    for number in range(MAX_ACTIVE_JOBS):
        slots.enter(f"m{number}", "fetch")

    assert_wakes(slots, "generate", lambda: slots.rest(1))
