from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from pipelines.engine.loop_call import run_on

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def answer(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return threading.current_thread().name


def test_a_coroutine_runs_on_the_loops_thread_and_its_result_comes_back(loop: asyncio.AbstractEventLoop) -> None:
    assert run_on(loop, answer(0.01)) != threading.current_thread().name


def test_what_a_coroutine_raises_is_raised_here(loop: asyncio.AbstractEventLoop) -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_on(loop, fail())


def test_a_cancelled_coroutine_raises_here(loop: asyncio.AbstractEventLoop) -> None:
    async def cancel() -> None:
        task = asyncio.current_task()
        assert task
        task.cancel()
        await asyncio.sleep(10)

    with pytest.raises(asyncio.CancelledError):
        run_on(loop, cancel())


def test_a_closed_loop_refuses_and_leaves_no_coroutine_behind() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(RuntimeError):
        run_on(loop, answer(0))
