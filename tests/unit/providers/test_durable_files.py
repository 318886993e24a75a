from __future__ import annotations

import os
from pathlib import Path

import pytest

from providers.durable_files import write_atomically


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files and folders in the order in which they were synced."""
    names: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return names


def test_the_directory_entry_of_a_durable_file_is_synced(tmp_path: Path, synced: list[str]) -> None:
    write_atomically(tmp_path / "a.jpg", b"1", durable=True)

    assert synced[-1] == tmp_path.name
    assert synced[0].startswith(".a.jpg.")


def test_the_directory_entries_of_new_folders_are_synced(tmp_path: Path, synced: list[str]) -> None:
    write_atomically(tmp_path / "t1" / "deep" / "a.jpg", b"1", durable=True)

    assert {tmp_path.name, "t1", "deep"} <= set(synced)


def test_a_temporary_file_is_not_synced(tmp_path: Path, synced: list[str]) -> None:
    write_atomically(tmp_path / "t1" / "a.jpg", b"1", durable=False)

    assert (tmp_path / "t1" / "a.jpg").read_bytes() == b"1"
    assert synced == []


def test_a_failed_write_keeps_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "a.jpg", b"old", durable=True)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a.jpg", b"new", durable=True)

    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == b"old"
