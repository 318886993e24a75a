"""A pool of pose estimators: one per core, off the event loop, behind a bounded queue."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

from providers.pose.base import Detection
from providers.pose.errors import PoseBusy, PoseNotLoaded
from providers.pose.picture import MAX_PIXELS
from schemas.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.pose.base import PoseEstimator
    from providers.pose.picture import Decode, DecodedPhoto

#: A queue position becomes free after tens of milliseconds.
RETRY_AFTER_S = 1.0


class PosePool:
    """Estimates poses on threads of its own; encoded pictures wait in memory only.

    An estimator is thread-safe but serial, and a second core does not make one call faster: so there is one per core,
    each with a thread. It is given pixels only, in a number that is bounded.
    """

    def __init__(
        self,
        load: Callable[[], PoseEstimator],
        decode: Decode,
        *,
        size: int | None = None,
        max_waiting: int = 32,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Prepare the pool; nothing is loaded before `start`.

        Args:
            load: Creates one estimator; called `size` times.
            decode: Decodes pictures.
            size: Number of estimators; one per core by default.
            max_waiting: Number of pictures that may wait.
            max_pixels: Largest picture that is decoded, pixels.
        """
        self.size = size or _cores()
        self.reason: str | None = "it is being loaded"
        self._load = load
        self._decode = decode
        # Two for each estimator, so that the next picture is decoded meanwhile; others wait encoded.
        self._decoded = asyncio.Semaphore(2 * self.size)
        self._max_pixels = max_pixels
        self._idle: SimpleQueue[PoseEstimator] = SimpleQueue()
        self._capacity = threading.BoundedSemaphore(self.size + max_waiting)
        self._threads = ThreadPoolExecutor(self.size, thread_name_prefix="pose")

    @property
    def loaded(self) -> bool:
        """Whether poses can be estimated; `reason` says why not."""
        return self.reason is None

    async def start(self) -> None:
        """Load the estimators. A failure is not raised: the pool stays without them and keeps the `reason`."""
        try:
            for _ in range(self.size):
                self._idle.put(await asyncio.get_running_loop().run_in_executor(self._threads, self._load))
        except DarkroomError as error:
            self.reason = str(error)
        else:
            self.reason = None

    def require_capacity(self) -> None:
        """Check, before a picture is fetched, that a call could be served now.

        Raises:
            PoseNotLoaded: No model is loaded (yet).
            PoseBusy: The queue is full.
        """
        if self.reason is not None:
            raise PoseNotLoaded(public_message=f"{PoseNotLoaded.__doc__} ({self.reason})", retry_after=RETRY_AFTER_S)
        if not self._capacity.acquire(blocking=False):
            raise PoseBusy(retry_after=RETRY_AFTER_S)
        self._capacity.release()

    async def detect(self, data: bytes) -> Detection:
        """Decode a JPEG, PNG or WebP and find the people in it.

        Raises:
            PoseNotLoaded: No model is loaded (yet).
            PoseBusy: The queue is full; `retry_after` in seconds.
            InputRefused: It is not a picture of these kinds, or too large.
            Invalid: The model failed on it.

        Cancelling the call removes a waiting picture from the queue.
        """
        self.require_capacity()
        if not self._capacity.acquire(blocking=False):
            raise PoseBusy(retry_after=RETRY_AFTER_S)
        try:
            async with self._decoded:
                picture = await self._decode(data, max_pixels=self._max_pixels, subject="The photo")
                return await asyncio.wrap_future(self._threads.submit(self._detect, picture))
        finally:
            self._capacity.release()

    async def aclose(self) -> None:
        """Finish running calls, drop waiting ones and release the models."""
        self.reason = "it is shutting down"
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _detect(self, picture: DecodedPhoto) -> Detection:
        estimator = self._idle.get()
        try:
            poses = estimator.detect(picture.rgb)
        finally:
            self._idle.put(estimator)
        height, width = picture.rgb.shape[:2]
        return Detection(width, height, picture.original_width, picture.original_height, poses)


def _cores() -> int:
    """Return the number of cores that this process may use; some systems only know the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
