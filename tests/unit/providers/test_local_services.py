from __future__ import annotations

import fcntl
import json
from typing import TYPE_CHECKING

import pytest

from providers.local_services import Endpoints, NotRunningError, attach, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REDIS, DATABASE = "unix:///served.sock", "postgresql://postgres@/darkroom?host=%2Fserved"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose owner is running."""
    folder = tmp_path / "embedded"
    folder.mkdir()
    (folder / "endpoints.json").write_text(json.dumps({"redis_url": REDIS, "database_url": DATABASE, "pid": 7}))
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def test_the_addresses_of_a_running_owner_are_found(served: Path) -> None:
    assert attach(served) == Endpoints(REDIS, DATABASE, 7)


def test_the_file_of_a_dead_owner_is_ignored(served: Path) -> None:
    (served / "embedded" / "lock").unlink()
    (served / "embedded" / "lock").touch()
    assert attach(served) is None


def test_an_owner_that_is_still_starting_is_ignored(served: Path) -> None:
    (served / "embedded" / "endpoints.json").unlink()
    assert attach(served) is None


def test_configured_addresses_take_precedence_over_local_services(served: Path) -> None:
    configured = resolve(served, redis_url="redis://mine", database_url=None, supabase=False)
    assert configured == ("redis://mine", DATABASE)


def test_records_in_supabase_need_no_database_address(tmp_path: Path) -> None:
    assert resolve(tmp_path, redis_url="redis://mine", database_url=None, supabase=True) == ("redis://mine", None)


def test_a_database_url_takes_precedence_over_supabase(tmp_path: Path) -> None:
    chosen = resolve(tmp_path, redis_url="redis://mine", database_url=DATABASE, supabase=True)
    assert chosen == ("redis://mine", DATABASE)


@pytest.mark.parametrize(
    ("redis_url", "database_url", "sentence"),
    [
        (None, None, r"^REDIS_URL and DATABASE_URL \(or SUPABASE_URL\) are not set and no `manage.py up` is running"),
        (None, DATABASE, r"^REDIS_URL is not set .* set it, or start `python manage.py up` first\.$"),
        ("redis://mine", None, r"^DATABASE_URL \(or SUPABASE_URL\) is not set"),
    ],
)
def test_an_error_names_the_missing_setting_and_the_command_to_start(
    tmp_path: Path, redis_url: str | None, database_url: str | None, sentence: str
) -> None:
    with pytest.raises(NotRunningError, match=sentence):
        resolve(tmp_path, redis_url=redis_url, database_url=database_url, supabase=False)
