import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from providers.fetch import Fetcher, FetchPolicy, fetch_memory
from providers.owner_shares import OwnerShares
from tests.integration.providers.fetch.picture_server import LOOPBACK, PictureServer, answer, picture

MAX_BYTES = 200_000


POLICY = FetchPolicy(allowed_networks=LOOPBACK, max_bytes=MAX_BYTES, memory_bytes=5 * MAX_BYTES, timeout_s=60)


@asynccontextmanager
async def fetching(memory: OwnerShares) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(POLICY, memory=memory)
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def test_an_owner_with_large_pictures_of_a_silent_server_holds_half_of_the_memory(server: PictureServer) -> None:
    async def fall_silent(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(picture(), length=MAX_BYTES - 1))
        await writer.wait_closed()

    server.routes["/large"] = fall_silent
    memory = fetch_memory(POLICY)
    async with fetching(memory) as inputs, fetching(memory) as results:
        attacks = [
            asyncio.create_task(fetcher.fetch(server.url("/large"), owner="attacker"))
            for fetcher in (inputs, results)
            for _ in range(16)
        ]
        while len(server.requests) < len(attacks):  # noqa: ASYNC110  the server has no event to wait for
            await asyncio.sleep(0.01)
        assert 0 < memory.held <= 5 * MAX_BYTES // 2
        innocent = [inputs.fetch(server.url(), owner=f"user-{number}") for number in range(20)]
        assert await asyncio.gather(*innocent) == [picture()] * 20
        assert not any(attack.done() for attack in attacks)
        for attack in attacks:
            attack.cancel()
        await asyncio.gather(*attacks, return_exceptions=True)
        assert memory.held == 0


async def test_a_body_of_undeclared_length_counts_as_one_of_the_maximum_size(server: PictureServer) -> None:
    reading = asyncio.Event()

    async def fall_silent(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + picture())
        await writer.drain()
        reading.set()
        await writer.wait_closed()

    server.routes["/"] = fall_silent
    memory = fetch_memory(POLICY)
    async with fetching(memory) as fetcher:
        attempt = asyncio.create_task(fetcher.fetch(server.url()))
        await reading.wait()
        while not memory.held:  # noqa: ASYNC110  the fetcher has no event to wait for
            await asyncio.sleep(0.01)
        assert memory.held == MAX_BYTES
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        assert memory.held == 0
