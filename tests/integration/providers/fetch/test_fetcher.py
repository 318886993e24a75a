import asyncio
import gzip
import struct
import zlib

import pytest

from schemas.errors import InputRefused, RateLimited, Transient
from tests.integration.providers.fetch.picture_server import PictureServer, answer, fetching, picture
from tests.waiting import LIMIT_S

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#: 512 bytes.
JUST_BEGUN = b"\xff\xd8\xff" + bytes(509)


async def test_a_picture_is_fetched_regardless_of_its_content_type(server: PictureServer) -> None:
    server.routes["/a?token=x%2Fy"] = answer(picture(), "200 OK", "Content-Type: text/html")
    async with fetching() as fetcher:
        assert await fetcher.fetch(server.url("/a?token=x%2Fy")) == picture()
    assert server.requests[0].split("\r\n") == [
        "GET /a?token=x%2Fy HTTP/1.1", f"Host: 127.0.0.1:{server.port}",
        "Accept: image/jpeg, image/png, image/webp", "Accept-Encoding: identity", "Connection: close",
        "User-Agent: Darkroom", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/a?", "//b//?x=a+b&y=%2f?#", "/%zz|'?%C3%A9=%c3%a9&&=", "/..%2f;a=b?sig=AbC%3D%3d"])
async def test_a_signed_link_arrives_byte_for_byte(server: PictureServer, path: str) -> None:
    sent = path.partition("#")[0]
    server.routes[sent] = answer(picture())
    async with fetching() as fetcher:
        assert await fetcher.fetch(server.url(path)) == picture()


async def test_hundreds_of_fetches_run_concurrently(server: PictureServer) -> None:
    async with fetching() as fetcher:
        got = await asyncio.gather(*(fetcher.fetch(server.url()) for _ in range(400)))
    assert got == [picture()] * 400
    assert server.most_at_once <= 256


async def test_proxies_and_cookies_of_the_environment_are_ignored(
    server: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.routes["/"] = answer(picture(), "200 OK", "Set-Cookie: a=b")
    async with fetching() as fetcher:
        await fetcher.fetch(server.url())
        await fetcher.fetch(server.url())
    assert "cookie" not in "".join(server.requests).lower()


async def test_three_redirects_are_followed_and_not_a_fourth(server: PictureServer) -> None:
    for step in range(4):
        server.routes[f"/{step}"] = answer(b"", "302 Found", f"Location: /{step + 1}")
    server.routes["/4"] = answer(picture())
    async with fetching() as fetcher:
        assert await fetcher.fetch(server.url("/1")) == picture()
        with pytest.raises(InputRefused, match="Input 2 is redirected too often"):
            await fetcher.fetch(server.url("/0"), subject="Input 2")


async def test_a_slow_response_is_aborted_at_the_total_deadline(server: PictureServer) -> None:
    async def drip(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + picture()[:64])
        while not writer.is_closing():
            writer.write(b"\x00")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.routes["/"] = drip
    async with fetching(timeout_s=0.3) as fetcher:
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(Transient, match="within") as caught:
                await fetcher.fetch(server.url())
    assert caught.value.error_code == "fetch_timeout"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: "])
async def test_a_silent_server_is_aborted_at_the_total_deadline(server: PictureServer, head: bytes) -> None:
    server.routes["/"] = head
    async with fetching(timeout_s=0.2) as fetcher:
        with pytest.raises(Transient, match="within"):
            await fetcher.fetch(server.url())


async def test_a_body_is_aborted_at_the_limit_regardless_of_its_content_length(server: PictureServer) -> None:
    async def endless(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7D0\r\n\xff\xd8\xff" + bytes(1997) + b"\r\n"
        )
        while not writer.is_closing():
            writer.write(b"7D0\r\n" + bytes(2000) + b"\r\n")
            await writer.drain()

    server.routes |= {"/endless": endless, "/claims": answer(picture(), length=10**12)}
    server.routes["/packed"] = answer(
        gzip.compress(b"\xff\xd8\xff" + bytes(300_000)), "200 OK", "Content-Encoding: gzip"
    )
    async with fetching() as fetcher:
        for path in ("/endless", "/claims", "/packed"):
            with pytest.raises(InputRefused, match="larger than"):
                await fetcher.fetch(server.url(path))


async def test_a_compressed_response_is_decompressed(server: PictureServer) -> None:
    server.routes["/"] = answer(gzip.compress(picture()), "200 OK", "Content-Encoding: gzip")
    async with fetching() as fetcher:
        assert await fetcher.fetch(server.url()) == picture()


async def test_a_pixel_bomb_is_refused_by_its_header(server: PictureServer) -> None:
    header = b"IHDR" + struct.pack(">IIBBBBB", 8000, 8000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    server.routes["/"] = answer(bomb)
    async with fetching() as fetcher:
        with pytest.raises(InputRefused, match="megapixels"):
            await fetcher.fetch(server.url())


@pytest.mark.parametrize(
    ("route", "error"),
    [
        (answer(b"", "429 Too Many Requests", "Retry-After: 9"), RateLimited),
        (answer(b"", "503 Service Unavailable"), Transient),
        (answer(b"", "403 Forbidden"), InputRefused),
        (answer(b"", "302 Found"), InputRefused),
        (answer(b"", "302 Found", "Location: ftp://a.example/"), InputRefused),
        (answer(b"<html></html>..."), InputRefused),
        (answer(picture(), length=len(picture()) + 5), Transient),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", Transient),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Transient),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 200_000, Transient),
        (b"\x00" * 1000 + b"\r\n\r\n", Transient),
        (CHUNKED + b"200\r\n" + JUST_BEGUN, Transient),
        (CHUNKED + b"200\r\n" + JUST_BEGUN + b"\r\nnot a length\r\n", Transient),
        (CHUNKED + b"200\r\n" + JUST_BEGUN + b"\r\n0\r\n" + b"X: y\r\n" * 20_000, Transient),
        (b"", Transient),
    ],
)
async def test_each_kind_of_failed_response_is_a_typed_error(
    server: PictureServer, route: bytes, error: type[Exception]
) -> None:
    async def hang_up(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(route)
        writer.close()
        await writer.wait_closed()

    server.routes["/secret"] = hang_up
    async with fetching() as fetcher:
        with pytest.raises(error) as caught:
            await fetcher.fetch(server.url("/secret"), subject="Input 5")
    assert type(caught.value) is error
    # Whether to ask again is not decided here.
    assert len(server.requests) == 1
    assert "secret" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


async def test_a_closed_port_and_an_unknown_name_are_retryable(server: PictureServer) -> None:
    async with fetching(["127.0.0.9"]) as fetcher:
        with pytest.raises(Transient, match="did not answer"):
            await fetcher.fetch(server.url(host="pictures.example"))
    async with fetching() as fetcher:
        with pytest.raises(Transient, match="did not answer"):
            await fetcher.fetch("http://nowhere.invalid/")


async def test_the_next_address_is_tried_when_the_first_does_not_answer(server: PictureServer) -> None:
    async with fetching(["127.0.0.9", "127.0.0.1"]) as fetcher:
        assert await fetcher.fetch(server.url(host="pictures.example")) == picture()


async def test_a_cancelled_fetch_leaves_the_fetcher_usable(server: PictureServer) -> None:
    async def hang(_path: str, writer: asyncio.StreamWriter) -> None:
        await writer.wait_closed()

    server.routes["/hang"] = hang
    async with fetching() as fetcher:
        task = asyncio.create_task(fetcher.fetch(server.url("/hang")))
        while not server.requests:  # noqa: ASYNC110  the server has no event to wait for
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await fetcher.fetch(server.url()) == picture()
