"""The image functions of one task, called directly, without queues, storage or database."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING

from pipelines.images import finish, normalize
from providers.images.base import ImageRequest
from providers.images.mock.provider import draw

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

MAX_PX, MAX_PIXELS = 1024, 40_000_000
PROCESSES = 2
CREDIT = "Made with AI by Darkroom"


def before_provider(photo: bytes) -> tuple[bytes, bytes]:
    """Return both inputs, resized."""
    first = normalize(photo, max_px=MAX_PX, max_pixels=MAX_PIXELS)
    return first, normalize(photo, max_px=MAX_PX, max_pixels=MAX_PIXELS)


def after_provider(inputs: tuple[bytes, bytes], number: int = 0) -> bytes:
    """Draw a picture as the mock provider does and finish it; return the encoded picture."""
    drawn = draw(ImageRequest(task_id=f"bare-{number}", owner_id="bare", prompt="", inputs=inputs), seed=0)
    return finish(drawn, credit=CREDIT, product="tryon", max_pixels=MAX_PIXELS, watermark_text=None).data


def times_ms(photo: bytes) -> tuple[float, float]:
    """Return the milliseconds until the provider would be called and until the picture is finished."""
    started = time.perf_counter()
    inputs = before_provider(photo)
    before = time.perf_counter()
    after_provider(inputs)
    return (before - started) * 1000, (time.perf_counter() - started) * 1000


def throughput(photo: bytes, jobs: int) -> tuple[float, float]:
    """Return the jobs per second of two processes, and the CPU milliseconds per job.

    Args:
        photo: Used as both inputs.
        jobs: Number of jobs per process.
    """
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(PROCESSES)
    pipes = [context.Pipe(duplex=False) for _ in range(PROCESSES)]
    processes = [context.Process(target=_work, args=(sender, start, photo, jobs)) for _, sender in pipes]
    for process in processes:
        process.start()
    spans = [receiver.recv() for receiver, _ in pipes]
    for process in processes:
        process.join()
    seconds = max(ended for _, ended, _ in spans) - min(began for began, _, _ in spans)
    cpu_s = sum(cpu for _, _, cpu in spans)
    return PROCESSES * jobs / seconds, cpu_s * 1000 / (PROCESSES * jobs)


def _work(sender: Connection, start: Barrier, photo: bytes, jobs: int) -> None:
    after_provider(before_provider(photo))  # load the libraries before the measurement
    start.wait()
    began, cpu = time.time(), time.process_time()
    for number in range(jobs):
        after_provider(before_provider(photo), number)
    sender.send((began, time.time(), time.process_time() - cpu))
