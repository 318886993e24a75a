from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import psycopg
import pytest

from providers.storage.supabase import SupabaseStorage
from schemas.errors import Invalid, Unavailable
from tests.answering import Answering, page
from tests.contracts.storage import BUCKET, PATH, Download, StorageContract
from tests.waiting import LIMIT_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from devtools.supabase_emulator import LocalSupabase

BUCKETS = [BUCKET, "photos", "images"]


@pytest.fixture
async def storage(local_supabase: LocalSupabase) -> AsyncIterator[SupabaseStorage]:
    opened = SupabaseStorage(local_supabase.url, local_supabase.service_role_key)
    await opened.create_buckets(BUCKETS)
    yield opened
    await opened.aclose()


class TestSupabaseStorage(StorageContract):
    @pytest.fixture
    async def download(self) -> AsyncIterator[Download]:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def get(url: str) -> bytes:
                answer = await client.get(url)
                if answer.is_error:
                    raise Invalid(answer.text)
                return answer.content

            yield get


async def test_missing_buckets_are_created_private_and_only_once(
    storage: SupabaseStorage, local_supabase: LocalSupabase, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("delete from storage.objects where bucket_id = 'photos'")
        connection.execute("delete from storage.buckets where id = 'photos'")
    assert await storage.create_buckets(BUCKETS) == ["photos"]
    assert await storage.create_buckets(BUCKETS) == []
    assert await storage.buckets() == dict.fromkeys(BUCKETS, False)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{local_supabase.url}/storage/v1/object/photos/x.jpg")
    assert answer.status_code == httpx.codes.UNAUTHORIZED


async def test_a_picture_is_stored_once_with_its_type_and_cache_lifetime(
    storage: SupabaseStorage, database_url: str
) -> None:
    picture = bytes(range(256)) * 5000 + b"\r\n--boundary\r\n"
    for _ in range(3):
        await storage.put("images", "w/j/1.jpg", picture)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select name, content_type, cache_control, data from storage.objects where bucket_id = 'images'"
        ).fetchall()
    assert rows == [("w/j/1.jpg", "image/jpeg", "max-age=3600", picture)]


@pytest.mark.parametrize("lifetime_s", [6 * 3600, 24 * 3600])
async def test_a_link_has_the_requested_lifetime(storage: SupabaseStorage, lifetime_s: int) -> None:
    await storage.put(BUCKET, PATH, b"picture")
    link = urlsplit(await storage.signed_url(BUCKET, PATH, lifetime_s=lifetime_s))
    claims = jwt.decode(parse_qs(link.query)["token"][0], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == lifetime_s


async def test_a_link_gives_access_to_its_object_only(storage: SupabaseStorage) -> None:
    await storage.put(BUCKET, PATH, b"picture")
    await storage.put(BUCKET, "generated/other.jpg", b"other")
    link = await storage.signed_url(BUCKET, PATH, lifetime_s=60)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(link)).content == b"picture"
        assert (await client.get(link.replace(PATH, "generated/other.jpg"))).is_error


async def test_many_links_are_signed_in_one_call() -> None:
    paths = [f"generated/{n}.jpg" for n in range(50)]
    items = [{"error": None, "path": path, "signedURL": f"/object/sign/{BUCKET}/{path}?token=t"} for path in paths]
    async with Answering(page("200 OK", json.dumps(items).encode())) as server:
        storage = SupabaseStorage(server.url, "key")
        links = await storage.signed_urls(BUCKET, paths, lifetime_s=60)
        await storage.aclose()
        assert list(links) == paths
        assert links[paths[0]] == f"{server.url}/storage/v1/object/sign/{BUCKET}/{paths[0]}?token=t"
        assert server.requests == 1


async def test_the_error_of_a_missing_bucket_has_a_hint(storage: SupabaseStorage) -> None:
    with pytest.raises(Invalid, match=r"nowhere does not exist: `python manage.py migrate --buckets`") as refused:
        await storage.put("nowhere", PATH, b"x")
    assert refused.value.error_code == "bucket_missing"


async def test_an_object_beyond_the_size_limit_is_refused(storage: SupabaseStorage, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "insert into storage.buckets (id, name, file_size_limit) values ('small', 'small', 10)"
            " on conflict do nothing"
        )
    await storage.put("small", PATH, b"x" * 10)
    with pytest.raises(Invalid) as refused:
        await storage.put("small", PATH, b"x" * 11)
    assert (refused.value.error_code, refused.value.retryable) == ("object_too_large", False)


async def test_the_public_key_can_neither_store_nor_read(
    storage: SupabaseStorage, local_supabase: LocalSupabase
) -> None:
    await storage.put(BUCKET, PATH, b"picture")
    public = SupabaseStorage(local_supabase.url, local_supabase.anon_key)
    with pytest.raises(Invalid) as refused:
        await public.put(BUCKET, "generated/evil.jpg", b"x")
    assert refused.value.error_code == "key_refused"
    with pytest.raises(Invalid):
        await public.signed_url(BUCKET, PATH, lifetime_s=60)
    assert await public.buckets() == {}
    await public.aclose()


async def test_a_key_of_another_project_is_refused(local_supabase: LocalSupabase) -> None:
    foreign = SupabaseStorage(local_supabase.url, jwt.encode({"role": "service_role"}, "another" * 8, "HS256"))
    with pytest.raises(Invalid) as refused:
        await foreign.put(BUCKET, PATH, b"x")
    assert refused.value.error_code == "key_refused"
    await foreign.aclose()


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[SupabaseStorage]:
    """A storage whose server gives the same answer to everything."""
    async with Answering(answer) as server:
        opened = SupabaseStorage(server.url, "key", timeout_s=0.5)
        yield opened
        await opened.aclose()


def failure(status: str, error: str, message: str) -> bytes:
    return json.dumps({"statusCode": status, "error": error, "message": message}).encode()


async def test_storing_an_existing_object_succeeds() -> None:
    async with answering(page("400 Bad Request", failure("409", "Duplicate", "It exists"))) as storage:
        await storage.put(BUCKET, PATH, b"x")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("400 Bad Request", failure("503", "DatabaseConnectionLimit", "too many connections")),
        ("400 Bad Request", failure("423", "ResourceLocked", "The resource is locked")),
        ("400 Bad Request", failure("409", "TransactionError", "try again")),
        ("500 Internal Server Error", failure("500", "Internal", "Internal Server Error")),
        ("544 Database Timeout", failure("544", "DatabaseTimeout", "timed out")),
        ("429 Too Many Requests", b"{}"),
        ("502 Bad Gateway", b"<html>"),
        ("404 Not Found", b'{"message": "no Route matched with those values"}'),
        ("404 Not Found", b"default backend - 404"),
        ("302 Found", b""),
        ("400 Bad Request", b"<html>"),
        ("400 Bad Request", failure("404", "TenantNotFound", "Missing tenant config")),
        ("400 Bad Request", failure("400", "DatabaseTimeout", "timed out")),
        ("200 OK", b'{"Key"'),
    ],
)
async def test_temporary_failures_are_retryable(status: str, body: bytes) -> None:
    async with answering(page(status, body)) as storage:
        with pytest.raises(Unavailable):
            await storage.put(BUCKET, PATH, b"x")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        ("404 Not Found", failure("404", "Bucket not found", "Bucket not found"), "bucket_missing"),
        ("413 Payload Too Large", b"<html>", "object_too_large"),
        ("400 Bad Request", failure("413", "Payload too large", "The object exceeded the size"), "object_too_large"),
        ("401 Unauthorized", b'{"message": "Invalid API key"}', "key_refused"),
        ("400 Bad Request", failure("403", "Unauthorized", "new row violates row-level security"), "key_refused"),
        ("400 Bad Request", failure("415", "invalid_mime_type", "mime type is not supported"), "storage_refused"),
        ("400 Bad Request", failure("NoSuchUpload", "gone", "gone"), "storage_refused"),
    ],
)
async def test_refusals_are_not_retryable(status: str, body: bytes, code: str) -> None:
    async with answering(page(status, body)) as storage:
        with pytest.raises(Invalid) as refused:
            await storage.put(BUCKET, PATH, b"x")
    assert refused.value.error_code == code


async def test_a_slow_response_is_aborted_at_the_deadline() -> None:
    async with answering(None) as storage:
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(Unavailable):
                await storage.put(BUCKET, PATH, b"x")


async def test_uploads_are_retried_until_a_killed_server_is_back(
    storage: SupabaseStorage, local_supabase: LocalSupabase, database_url: str
) -> None:
    failures = 0

    async def upload(number: int) -> None:
        nonlocal failures
        while True:
            try:
                await storage.put("images", f"killed/{number}.jpg", b"x" * 200_000)
            except Unavailable:
                failures += 1
                await back.wait()
            else:
                return

    back = asyncio.Event()
    work = [asyncio.create_task(upload(number)) for number in range(60)]
    await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(local_supabase.kill)
    with pytest.raises(Unavailable):
        await storage.put("images", "killed/0.jpg", b"x")
    await asyncio.to_thread(local_supabase.start)
    back.set()
    await asyncio.gather(*work)
    with psycopg.connect(database_url) as connection:
        row: Any = connection.execute(
            "select count(*), min(length(data)) from storage.objects where name like 'killed/%'"
        ).fetchone()
    assert failures > 0
    assert row == (60, 200_000)
