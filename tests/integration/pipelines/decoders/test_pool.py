from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipelines.decoders.pool import DecoderPool
from pipelines.decoders.process import DecoderDied
from pipelines.decoders.sandbox import DecoderLimits
from schemas.errors import Unavailable

ROOT = Path(__file__).parents[4]
OPERATIONS = "tests.integration.pipelines.decoders.operations"
MEGABYTE = 1024 * 1024
LIMITS = DecoderLimits(memory_bytes=64 * MEGABYTE, cpu_s=1, wall_s=120.0, pictures=500)


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    made = DecoderPool(OPERATIONS, 3, LIMITS)
    yield made
    made.close()


async def echo(pool: DecoderPool, data: bytes = b"x") -> int:
    message, answer = await pool.call({"operation": "echo"}, data)
    assert answer == data
    return int(message["pid"])


@pytest.mark.parametrize(
    ("request_", "cause"),
    [({"operation": "allocate", "size": 200 * MEGABYTE}, "memory"), ({"operation": "spin"}, "cpu"),
     ({"operation": "crash"}, "crash"), ({"operation": "lie"}, "crash")],
)  # fmt: skip
async def test_a_picture_that_ends_its_decoder_fails_alone(
    pool: DecoderPool, request_: dict[str, object], cause: str
) -> None:
    assert await _cause_of_death(pool, request_) == cause
    await echo(pool)


async def test_a_picture_that_takes_too_long_fails_alone() -> None:
    pool = DecoderPool(OPERATIONS, 2, replace(LIMITS, wall_s=5.0))
    assert await _cause_of_death(pool, {"operation": "sleep"}) == "time"
    pool.close()


async def _cause_of_death(pool: DecoderPool, request: dict[str, object]) -> str:
    """Return why the decoder of `request` ended; other pictures are answered meanwhile."""
    hostile = asyncio.create_task(pool.call(request, b""))
    others = 0
    while not hostile.done():
        await echo(pool)
        others += 1

    with pytest.raises(DecoderDied) as died:
        await hostile
    assert others
    return died.value.cause


async def test_large_pictures_arrive_whole(pool: DecoderPool) -> None:
    data = os.urandom(20 * MEGABYTE)
    assert len({await echo(pool, data) for _ in range(3)}) == 1, "an idle decoder is used again"


async def test_calls_run_side_by_side(pool: DecoderPool) -> None:
    sleeping = asyncio.create_task(pool.call({"operation": "sleep"}, b""))
    await asyncio.gather(*(echo(pool, os.urandom(MEGABYTE)) for _ in range(8)))
    assert not sleeping.done()
    sleeping.cancel()


async def test_a_caller_who_leaves_ends_the_work(pool: DecoderPool) -> None:
    process = psutil.Process(await echo(pool))
    call = asyncio.create_task(pool.call({"operation": "spin"}, b""))
    await _until(lambda: process.cpu_times().user > 0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await _until(lambda: not process.is_running())


async def test_a_decoder_has_no_secrets_no_files_and_no_network(
    pool: DecoderPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    secret = tmp_path / "key"
    secret.write_text("secret")
    found, _ = await pool.call({"operation": "look_around", "file": str(secret)}, b"")
    assert "OPENAI_API_KEY" not in found.pop("environment")
    assert found == dict.fromkeys(("file", "socket", "program", "fork", "signal"), "PermissionError")


async def test_a_decoder_holds_no_descriptor_of_its_parent(pool: DecoderPool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        found, _ = await pool.call({"operation": "descriptors"}, b"")
    assert len(found["open"]) == 4, "standard streams and its connection"


async def test_a_decoder_is_replaced_after_its_number_of_pictures() -> None:
    pool = DecoderPool(OPERATIONS, 1, DecoderLimits(pictures=2))
    found = [await echo(pool) for _ in range(4)]
    pool.close()
    assert found[0] == found[1] != found[2] == found[3]


async def test_a_lost_fork_server_is_no_fault_of_a_picture(pool: DecoderPool) -> None:
    """When the fork server dies, then the call in flight is not blamed on its picture, and the next one is served."""
    server = (await pool.call({"operation": "echo"}, b""))[0]["parent"]
    call = asyncio.create_task(pool.call({"operation": "sleep"}, b""))
    await asyncio.sleep(0)
    os.kill(server, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await call
    await _until_served(pool)


async def test_closing_leaves_no_process(pool: DecoderPool) -> None:
    message, _ = await pool.call({"operation": "echo"}, b"")
    pool.close()
    await _until(lambda: not any(psutil.pid_exists(message[name]) for name in ("pid", "parent")))


ORPHANS = f"""
import asyncio
from pipelines.decoders.pool import DecoderPool
from pipelines.decoders.sandbox import DecoderLimits

async def main():
    pool = DecoderPool("{OPERATIONS}", 2, DecoderLimits())
    message, _ = await pool.call({{"operation": "echo"}}, b"")
    print(message["pid"], message["parent"], flush=True)
    await pool.call({{"operation": "spin"}}, b"")

asyncio.run(main())
"""


def test_a_killed_parent_leaves_no_process() -> None:
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent.stdout as output:
        children = [psutil.Process(int(number)) for number in output.readline().split()]
    parent.kill()
    parent.wait()
    psutil.wait_procs(children, timeout=20)
    assert not any(child.is_running() for child in children)


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def _until_served(pool: DecoderPool) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            await echo(pool)
        except Unavailable:
            assert time.monotonic() < deadline
        else:
            return
