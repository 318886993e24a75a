from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg
import pytest
import redis

from commands.embedded import Embedded
from commands.embedded.owner import AlreadyOwnedError
from providers.embedded import attach

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[4]
OWNER = """
import sys
from pathlib import Path
from commands.embedded import Embedded
with Embedded(Path(sys.argv[1]), ephemeral=True) as servers:
    print(servers.valkey.pid, servers.postgres.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def servers(home: Path) -> Iterator[Embedded]:
    with Embedded(home, ephemeral=True) as running:
        yield running


def test_both_servers_answer_on_unix_sockets_only(servers: Embedded) -> None:
    assert servers.redis_url is not None
    assert servers.database_url is not None
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_the_sockets_lie_in_folders_that_only_their_owner_can_enter(servers: Embedded) -> None:
    assert servers.redis_url is not None
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url) as connection:
        folders = [Path(servers.redis_url.removeprefix("unix://")).parent, Path(connection.info.host)]
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700]


def test_others_find_the_servers_while_the_owner_lives(servers: Embedded, home: Path) -> None:
    found = attach(home)
    assert found is not None
    assert (found.redis_url, found.database_url, found.pid) == (servers.redis_url, servers.database_url, os.getpid())
    assert (home / "embedded" / "endpoints.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("servers")
def test_a_second_owner_of_a_folder_is_refused_with_a_sentence(home: Path) -> None:
    with pytest.raises(AlreadyOwnedError, match=r"is running in .* already: stop it, or set DATA_DIR"), Embedded(home):
        pass


def test_a_valkey_that_crashes_comes_back_with_what_it_held_unless_it_is_emptied(servers: Embedded) -> None:
    assert servers.valkey is not None
    with redis.Redis.from_url(servers.valkey.url) as client:
        client.set("kept", "yes")
        servers.valkey.restart()
        assert client.get("kept") == b"yes"
        servers.valkey.restart(empty=True)
        assert client.get("kept") is None


def test_a_postgres_that_crashes_comes_back_with_what_was_committed(servers: Embedded) -> None:
    assert servers.postgres is not None
    with psycopg.connect(servers.postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    servers.postgres.restart()
    with psycopg.connect(servers.postgres.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_paused_postgres_answers_nobody_and_goes_on_when_resumed(servers: Embedded) -> None:
    assert servers.postgres is not None
    servers.postgres.pause()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        psycopg.connect(servers.postgres.url, connect_timeout=2)
    servers.postgres.resume()
    psycopg.connect(servers.postgres.url, connect_timeout=5).close()


def test_what_is_kept_is_there_at_the_next_start(tmp_path: Path) -> None:
    with Embedded(tmp_path) as first:
        assert first.redis_url is not None
        assert first.database_url is not None
        with redis.Redis.from_url(first.redis_url) as client:
            client.set("kept", "yes")
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert attach(tmp_path) is None
    with Embedded(tmp_path) as second:
        assert (second.redis_url, second.database_url) == (first.redis_url, first.database_url)
        with redis.Redis.from_url(first.redis_url) as client:
            assert client.get("kept") == b"yes"
        with psycopg.connect(first.database_url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_servers_end_with_their_owner_however_it_ends(tmp_path: Path, end: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        servers = [psutil.Process(pid) for pid in pids]
        owner.send_signal(end)
        assert psutil.wait_procs(servers, timeout=10)[1] == []
    assert attach(tmp_path) is None


def test_a_folder_with_a_long_name_gets_short_sockets(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    with Embedded(deep, ephemeral=True) as servers:
        assert servers.redis_url is not None
        assert str(deep) not in servers.redis_url
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_only_what_is_missing_is_started(tmp_path: Path) -> None:
    with Embedded(tmp_path, ephemeral=True, postgres=False) as servers:
        assert servers.postgres is None
        found = attach(tmp_path)
        assert found is not None
        assert found.database_url is None
