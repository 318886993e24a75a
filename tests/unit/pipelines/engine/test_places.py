from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pipelines.engine.places import BUSY, Place, Places, at_rest

if TYPE_CHECKING:
    from collections.abc import Callable


def opened(**limits: int) -> Places:
    places = Places(limits)
    for queue in limits:
        places.open(queue)
    return places


def taken(places: Places, message_id: str, queue: str) -> Place:
    places.enter(message_id, queue)
    return places.take_over(message_id)


def assert_wakes(places: Places, queue: str, change: Callable[[], object]) -> None:
    """Whoever waits for room at the queue goes on with the change, and not before."""
    woken = threading.Event()

    def wait() -> None:
        places.wait_for_room(queue, 60)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not woken.is_set()

    change()

    assert woken.wait(10)
    thread.join()


def test_a_job_that_is_carried_on_frees_its_place_and_takes_one_there() -> None:
    places = opened(fetch=2, resize=1)
    place = taken(places, "m1", "fetch")
    assert places.room("fetch") == 1

    assert place.move("resize")

    assert (places.room("fetch"), places.room("resize")) == (2, 0)
    place.leave()
    assert places.room("resize") == 1


def test_nothing_is_carried_to_a_queue_that_is_full() -> None:
    places = opened(fetch=2, resize=1)
    assert taken(places, "m1", "fetch").move("resize")

    assert not taken(places, "m2", "fetch").move("resize")

    assert places.room("fetch") == 1


def test_nothing_is_carried_to_a_queue_that_is_worked_on_elsewhere_or_once_the_process_leaves() -> None:
    places = Places({"fetch": 1, "resize": 1})
    places.open("fetch")
    place = taken(places, "m1", "fetch")
    assert not place.move("resize")
    places.open("resize")

    places.close()

    assert not place.move("resize")
    assert places.room("resize") == 0


def test_a_message_that_was_seen_to_frees_its_place_once_and_not_that_of_its_job() -> None:
    places = opened(fetch=2)
    places.enter("m1", "fetch")
    place = taken(places, "m2", "fetch")

    for message in ("m1", "m1", "m2"):
        places.forget(message)

    assert places.room("fetch") == 1
    place.leave()
    assert places.room("fetch") == 2


def test_whoever_waits_for_room_is_woken_when_a_job_is_carried_on() -> None:
    places = opened(fetch=1, resize=1)
    place = taken(places, "m1", "fetch")

    assert_wakes(places, "fetch", lambda: place.move("resize"))


def test_a_process_that_leaves_knows_when_nothing_is_in_hand() -> None:
    places = opened(fetch=2, resize=1)
    place = taken(places, "m1", "fetch")
    places.close()
    assert not places.wait_until_empty(0)
    thread = threading.Timer(0.05, place.leave)
    thread.start()

    assert places.wait_until_empty(10)

    thread.join()


def test_a_busy_process_takes_nothing_more_until_some_of_its_jobs_rest() -> None:
    places = opened(fetch=BUSY, generate=BUSY, control=1)
    jobs = [taken(places, f"m{number}", "fetch") for number in range(BUSY)]
    assert all(job.move("generate") for job in jobs)
    assert (places.room("fetch"), places.room("control")) == (0, 1)

    with jobs[0].here(), at_rest(), at_rest():
        assert places.room("fetch") == 2

    assert places.room("fetch") == 0
    jobs[0].leave()
    assert places.room("fetch") == 1


def test_whoever_waits_for_room_is_woken_when_a_job_rests() -> None:
    places = opened(fetch=BUSY, generate=1)
    for number in range(BUSY):
        places.enter(f"m{number}", "fetch")

    assert_wakes(places, "generate", lambda: places.rest(1))
