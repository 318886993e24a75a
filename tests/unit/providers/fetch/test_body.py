import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.fetch.body import read_body
from schemas.errors import InputRefused

JPEG = b"\xff\xd8\xff\xe0" + bytes(5000)


async def chunks(data: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def read(data: bytes, encoding: str = "", max_bytes: int = 20_000, size: int = 4096) -> bytes:
    return await read_body(chunks(data, size), encoding=encoding, max_bytes=max_bytes, subject="Input 1")


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_a_body_is_read_unchanged_compressed_or_not(size: int) -> None:
    assert await read(JPEG, size=size) == JPEG
    assert await read(gzip.compress(JPEG), "gzip", size=size) == JPEG
    assert await read(zlib.compress(JPEG), "deflate", size=size) == JPEG


async def test_a_body_is_refused_at_the_limit() -> None:
    assert len(await read(JPEG, max_bytes=len(JPEG))) == len(JPEG)
    with pytest.raises(InputRefused, match=r"Input 1 is larger than 0\.005003 MB"):
        await read(JPEG, max_bytes=len(JPEG) - 1)


async def test_a_decompression_bomb_is_refused_at_the_limit_in_constant_memory() -> None:
    bomb = gzip.compress(b"\xff\xd8\xff\xe0" + bytes(200_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(InputRefused, match="larger than 5 MB"):
        await read(bomb, "gzip", max_bytes=5_000_000, size=65_536)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


async def test_a_body_that_is_not_a_picture_is_refused_at_its_first_bytes() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"<html><body>"
        pytest.fail("read on")

    with pytest.raises(InputRefused, match="is not a JPEG"):
        await read_body(endless(), encoding="", max_bytes=10_000, subject="Input 1")


async def test_an_empty_body_is_refused() -> None:
    with pytest.raises(InputRefused, match="is empty"):
        await read(b"")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_an_unrequested_content_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(InputRefused, match="packed"):
        await read(JPEG, encoding)


@given(st.binary(), st.sampled_from(["", "gzip", "deflate"]))
async def test_any_bytes_are_read_or_refused(data: bytes, encoding: str) -> None:
    with contextlib.suppress(InputRefused):
        assert await read(data, encoding)
