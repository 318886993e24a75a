from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from devtools.pictures.synthetic_person import draw_person, jpeg
from providers.pose.errors import PoseBusy, PoseNotLoaded
from providers.pose.fake import FakeEstimator, standing_pose
from providers.pose.pool import PosePool
from schemas.errors import InputRefused, Invalid
from tests.in_process import decode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import numpy as np
    from numpy.typing import NDArray

    from providers.pose.base import Pose

PHOTO = jpeg(draw_person())


class Slow(FakeEstimator):
    """Waits in `detect` until it is released."""

    go = threading.Event()

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        self.calls = 0

    def detect(self, rgb: NDArray[np.uint8]) -> tuple[Pose, ...]:
        assert not self.busy, "one call at a time"
        self.busy = True
        self.calls += 1
        self.go.wait(10)
        self.busy = False
        return super().detect(rgb)


@pytest.fixture
async def slow() -> AsyncIterator[tuple[PosePool, list[Slow]]]:
    created: list[Slow] = []

    def load() -> Slow:
        created.append(Slow())
        return created[-1]

    Slow.go = threading.Event()
    pool = PosePool(load, decode, size=2, max_waiting=1)
    await pool.start()
    yield pool, created
    Slow.go.set()
    await pool.aclose()


async def test_a_picture_is_decoded_and_its_people_found() -> None:
    pool = PosePool(FakeEstimator, decode, size=1)
    await pool.start()
    found = await pool.detect(PHOTO)
    await pool.aclose()

    assert found.poses == (standing_pose(),)
    assert (found.width, found.height, found.original_width, found.original_height) == (700, 1000, 700, 1000)


async def test_nothing_is_estimated_before_the_start_or_after_the_end() -> None:
    pool = PosePool(FakeEstimator, decode, size=1)
    with pytest.raises(PoseNotLoaded, match="not available") as early:
        await pool.detect(PHOTO)
    await pool.start()
    await pool.detect(PHOTO)
    await pool.aclose()

    assert "being loaded" in early.value.public_message
    with pytest.raises(PoseNotLoaded):
        await pool.detect(PHOTO)


async def test_the_reason_of_a_failed_load_is_kept() -> None:
    def load() -> FakeEstimator:
        raise Invalid("there is no pose model; run `manage.py pose-model`")

    pool = PosePool(load, decode, size=1)
    await pool.start()

    assert not pool.loaded
    with pytest.raises(PoseNotLoaded) as refusal:
        await pool.detect(PHOTO)
    assert "run `manage.py pose-model`" in refusal.value.public_message
    await pool.aclose()


async def test_pictures_share_the_estimators_and_the_rest_waits(slow: tuple[PosePool, list[Slow]]) -> None:
    pool, created = slow
    calls = [asyncio.create_task(pool.detect(PHOTO)) for _ in range(3)]
    await asyncio.sleep(0)
    Slow.go.set()

    assert len(await asyncio.gather(*calls)) == 3
    assert sum(estimator.calls for estimator in created) == 3
    assert len(created) == 2


async def test_a_full_queue_is_refused_with_retry_after(slow: tuple[PosePool, list[Slow]]) -> None:
    pool, _ = slow
    calls = [asyncio.create_task(pool.detect(PHOTO)) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(PoseBusy):
        pool.require_capacity()
    with pytest.raises(PoseBusy) as refusal:
        await pool.detect(PHOTO)
    assert refusal.value.retry_after == 1.0
    Slow.go.set()
    await asyncio.gather(*calls)
    pool.require_capacity()


async def test_the_event_loop_is_not_blocked(slow: tuple[PosePool, list[Slow]]) -> None:
    pool, _ = slow
    call = asyncio.create_task(pool.detect(PHOTO))
    for _ in range(100):
        await asyncio.sleep(0)

    assert not call.done()
    Slow.go.set()
    await call


async def test_a_cancelled_caller_releases_its_place_in_the_queue(slow: tuple[PosePool, list[Slow]]) -> None:
    pool, created = slow
    calls = [asyncio.create_task(pool.detect(PHOTO)) for _ in range(3)]
    await asyncio.sleep(0)
    calls[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[2]
    fourth = asyncio.create_task(pool.detect(PHOTO))
    await asyncio.sleep(0)
    Slow.go.set()
    await asyncio.gather(calls[0], calls[1], fourth)

    assert sum(estimator.calls for estimator in created) == 3


async def test_a_bad_picture_does_not_lose_an_estimator() -> None:
    pool = PosePool(FakeEstimator, decode, size=1, max_waiting=0)
    await pool.start()
    for _ in range(3):
        with pytest.raises(InputRefused):
            await pool.detect(b"nothing")
    assert (await pool.detect(PHOTO)).poses
    await pool.aclose()


async def test_closing_releases_every_model() -> None:
    created: list[FakeEstimator] = []

    def load() -> FakeEstimator:
        created.append(FakeEstimator())
        return created[-1]

    pool = PosePool(load, decode, size=3)
    await pool.start()
    await pool.aclose()

    assert [estimator.closed for estimator in created] == [True, True, True]


def test_there_is_one_estimator_per_core_by_default() -> None:
    assert PosePool(FakeEstimator, decode).size == len(os.sched_getaffinity(0))
