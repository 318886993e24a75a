from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.signing import LinkRefused
from providers.storage.local import LocalStorage
from schemas.errors import Invalid, Unavailable
from tests.contracts.storage import BUCKET, PATH, Download, StorageContract


def parts(url: str) -> tuple[str, str, str, str]:
    link = urlsplit(url)
    _, files, bucket, path = link.path.split("/", 3)
    assert files == "files"
    query = parse_qs(link.query)
    return bucket, path, query["expires"][0], query["signature"][0]


class TestLocalStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> LocalStorage:
        return LocalStorage(tmp_path, b"key", "http://127.0.0.1:8000/")

    @pytest.fixture
    def download(self, storage: LocalStorage) -> Download:
        async def get(url: str) -> bytes:
            return storage.open_signed(*parts(url), now=time.time()).read_bytes()

        return get

    @pytest.fixture
    async def link(self, storage: LocalStorage) -> tuple[str, str, str, str]:
        await storage.put(BUCKET, PATH, b"picture")
        return parts(await storage.signed_url(BUCKET, PATH, lifetime_s=60))

    async def test_a_link_starts_with_the_public_url(self, storage: LocalStorage) -> None:
        await storage.put(BUCKET, PATH, b"picture")
        url = await storage.signed_url(BUCKET, PATH, lifetime_s=60)
        assert url.startswith(f"http://127.0.0.1:8000/files/{BUCKET}/{PATH}?expires=")

    async def test_the_object_is_stored_under_its_bucket_and_path(self, storage: LocalStorage, tmp_path: Path) -> None:
        await storage.put(BUCKET, PATH, b"picture")
        files = [Path(folder) / name for folder, _, names in os.walk(tmp_path) for name in names]
        assert files == [tmp_path / BUCKET / PATH]

    async def test_an_unavailable_folder_is_not_a_missing_object(self, storage: LocalStorage, tmp_path: Path) -> None:
        """Given a stored object, when its folder is not there but a file is, then that may pass: nothing is missing."""
        await storage.put(BUCKET, PATH, b"picture")
        (tmp_path / BUCKET).rename(tmp_path / "elsewhere")
        (tmp_path / BUCKET).touch()
        with pytest.raises(Unavailable):
            await storage.signed_url(BUCKET, PATH, lifetime_s=60)
        with pytest.raises(Unavailable):
            await storage.put(BUCKET, PATH, b"picture")

    async def test_a_link_expires(self, storage: LocalStorage, link: tuple[str, str, str, str]) -> None:
        bucket, path, expires, signature = link
        assert storage.open_signed(bucket, path, expires, signature, now=int(expires) - 1).is_file()
        with pytest.raises(LinkRefused) as refused:
            storage.open_signed(bucket, path, expires, signature, now=int(expires))
        assert refused.value.error_code == "link_expired"

    async def test_no_part_of_a_link_can_be_changed(
        self, storage: LocalStorage, link: tuple[str, str, str, str]
    ) -> None:
        bucket, path, expires, signature = link
        await storage.put("photos", PATH, b"other")
        await storage.put(BUCKET, "generated/other.jpg", b"other")
        changed = [
            ("photos", path, expires, signature),
            (bucket, "generated/other.jpg", expires, signature),
            (bucket, path, str(int(expires) + 1), signature),
            (bucket, path, "0" + expires, signature),
            (bucket, path, expires, ("B" if signature[0] == "A" else "A") + signature[1:]),
            (bucket, path, expires, ""),
            (bucket, path, expires, "ü\ud800"),
            (bucket, path, "never", signature),
            ("..", path, expires, signature),
        ]
        for forged in changed:
            with pytest.raises(LinkRefused) as refused:
                storage.open_signed(*forged, now=time.time())
            assert refused.value.error_code == "link_invalid"

    async def test_a_link_of_another_key_is_refused(self, link: tuple[str, str, str, str], tmp_path: Path) -> None:
        with pytest.raises(LinkRefused):
            LocalStorage(tmp_path, b"other", "http://x").open_signed(*link, now=time.time())

    async def test_a_link_to_a_deleted_object_is_reported_as_missing(
        self, storage: LocalStorage, link: tuple[str, str, str, str], tmp_path: Path
    ) -> None:
        (tmp_path / BUCKET / PATH).unlink()
        with pytest.raises(LinkRefused) as refused:
            storage.open_signed(*link, now=time.time())
        assert refused.value.error_code == "object_missing"

    def test_an_empty_key_signs_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid):
            LocalStorage(tmp_path, b"", "http://x")

    async def test_no_partial_file_remains(self, storage: LocalStorage, tmp_path: Path) -> None:
        await storage.put(BUCKET, "a/b.jpg", b"x")
        with pytest.raises(Unavailable):
            await storage.put(BUCKET, "a", b"a file cannot replace a folder")
        assert sorted(names for _, _, names in os.walk(tmp_path)) == [[], [], ["b.jpg"]]

    async def test_a_folder_that_cannot_be_written_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(Unavailable):
            await LocalStorage(tmp_path / "file", b"key", "http://x").put(BUCKET, PATH, b"x")
