from __future__ import annotations

import threading

from pipelines.engine.places import Places


def opened(**limits: int) -> Places:
    places = Places(limits)
    for queue in limits:
        places.open(queue)
    return places


def test_a_message_that_is_carried_on_frees_its_place_and_takes_one_there() -> None:
    places = opened(fetch=2, resize=1)
    places.enter("m1", "fetch")
    assert places.room("fetch") == 1

    assert places.move("m1", "resize")

    assert (places.room("fetch"), places.room("resize")) == (2, 0)
    places.leave("m1")
    assert places.room("resize") == 1


def test_nothing_is_carried_to_a_queue_that_is_full() -> None:
    places = opened(fetch=2, resize=1)
    places.enter("m1", "fetch")
    places.enter("m2", "fetch")
    assert places.move("m1", "resize")

    assert not places.move("m2", "resize")

    assert places.room("fetch") == 1


def test_nothing_is_carried_to_a_queue_that_is_worked_on_elsewhere_or_once_the_process_leaves() -> None:
    places = Places({"fetch": 1, "resize": 1})
    places.open("fetch")
    places.enter("m1", "fetch")
    assert not places.move("m1", "resize")
    places.open("resize")

    places.close()

    assert not places.move("m1", "resize")


def test_a_message_that_left_already_frees_nothing_twice_and_is_carried_nowhere() -> None:
    places = opened(fetch=1, resize=1)
    places.enter("m1", "fetch")
    places.leave("m1")
    places.leave("m1")

    assert not places.move("m1", "resize")

    assert (places.room("fetch"), places.room("resize")) == (1, 1)


def test_whoever_waits_for_room_is_woken_when_a_message_is_carried_on() -> None:
    places = opened(fetch=1, resize=1)
    places.enter("m1", "fetch")
    woken = threading.Event()

    def wait() -> None:
        places.wait_for_room("fetch", 60)
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not woken.is_set()

    places.move("m1", "resize")

    assert woken.wait(10)
    thread.join()
