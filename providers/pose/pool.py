"""A pool of pose estimators: one per core, off the event loop, with a bounded queue in front."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

from providers.pose.base import Detection
from providers.pose.errors import PoseBusy, PoseNotLoaded
from providers.pose.picture import MAX_PIXELS, decode
from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.pose.base import PoseEstimator

#: A place in the queue is free again after some tens of milliseconds.
RETRY_AFTER_S = 1.0


class PosePool:
    """Estimates poses on threads of its own; encoded pictures wait in memory, nowhere else.

    An estimator is safe between threads but serial, and a second core does not make one call faster: so there is one
    per core, each with a thread that decodes for it too.
    """

    def __init__(
        self,
        load: Callable[[], PoseEstimator],
        *,
        size: int | None = None,
        max_waiting: int = 32,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Prepare; nothing is loaded before `start`.

        Args:
            load: Makes one estimator; called `size` times.
            size: How many estimators; one per core unless given.
            max_waiting: How many pictures may wait for one.
            max_pixels: The largest picture that is decoded.
        """
        self.size = size or _cores()
        self.reason: str | None = "it is being loaded"
        self._load = load
        self._max_pixels = max_pixels
        self._idle: SimpleQueue[PoseEstimator] = SimpleQueue()
        self._places = threading.BoundedSemaphore(self.size + max_waiting)
        self._threads = ThreadPoolExecutor(self.size, thread_name_prefix="pose")

    @property
    def loaded(self) -> bool:
        """Whether poses can be estimated; `reason` says why not."""
        return self.reason is None

    async def start(self) -> None:
        """Load the estimators. A failure leaves the pool without them, with the `reason`; it is not raised."""
        try:
            for _ in range(self.size):
                self._idle.put(await asyncio.get_running_loop().run_in_executor(self._threads, self._load))
        except DarkroomError as error:
            self.reason = str(error)
        else:
            self.reason = None

    def require_room(self) -> None:
        """Find out early, before a picture is fetched, whether it could be worked on now.

        Raises:
            PoseNotLoaded: There is no model (yet).
            PoseBusy: The queue is full.
        """
        if self.reason is not None:
            raise PoseNotLoaded(public_message=f"{PoseNotLoaded.__doc__} ({self.reason})", retry_after=RETRY_AFTER_S)
        if not self._places.acquire(blocking=False):
            raise PoseBusy(retry_after=RETRY_AFTER_S)
        self._places.release()

    async def detect(self, data: bytes) -> Detection:
        """Decode a JPEG, PNG or WebP and find the people in it.

        Raises:
            PoseNotLoaded: There is no model (yet).
            PoseBusy: The queue is full; `retry_after` in seconds.
            InputRefused: It is no picture, or too large a one.
            Invalid: The model could not work with it.

        Cancelling the call takes a waiting picture out of the queue.
        """
        self.require_room()
        if not self._places.acquire(blocking=False):
            raise PoseBusy(retry_after=RETRY_AFTER_S)
        future = self._threads.submit(self._detect, data)
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)

    async def aclose(self) -> None:
        """Finish what runs, drop what waits, give back the models."""
        self.reason = "it is shutting down"
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _detect(self, data: bytes) -> Detection:
        picture = decode(data, max_pixels=self._max_pixels, subject="The photo")
        estimator = self._idle.get()
        try:
            poses = estimator.detect(picture.rgb)
        finally:
            self._idle.put(estimator)
        height, width = picture.rgb.shape[:2]
        return Detection(width, height, picture.original_width, picture.original_height, poses)


def _cores() -> int:
    """The cores that this process may use; not every system can say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
