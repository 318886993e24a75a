from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis

from commands.local.embedded import Embedded
from commands.local.embedded.owner import AlreadyOwnedError
from commands.local.process import StartError
from providers.local_services import attach

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[5]
OWNER = """
import signal
import sys
from pathlib import Path
from commands.local.embedded import Embedded
# A shell starts background commands with SIGINT ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
with Embedded(Path(sys.argv[1]), ephemeral=True) as servers:
    print(servers.valkey.pid, servers.postgres.pid, flush=True)
    sys.stdin.read()
"""


def _enterable_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        yield Path(folder)


folder = pytest.fixture(_enterable_folder)
home = pytest.fixture(_enterable_folder, scope="module")


@pytest.fixture(scope="module")
def servers(home: Path) -> Iterator[Embedded]:
    with Embedded(home, ephemeral=True) as running:
        yield running


def test_both_servers_listen_on_unix_sockets_only(servers: Embedded) -> None:
    assert servers.redis_url is not None
    assert servers.database_url is not None
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    with psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_only_the_owner_can_enter_the_folders_of_the_sockets(servers: Embedded) -> None:
    assert servers.redis_url is not None
    assert servers.database_url is not None
    with psycopg.connect(servers.database_url) as connection:
        entered = [Path(servers.redis_url.removeprefix("unix://")).parent, Path(connection.info.host)]
    assert [path.stat().st_mode & 0o777 for path in entered] == [0o700, 0o700]


def test_other_processes_find_the_servers_while_the_owner_runs(servers: Embedded, home: Path) -> None:
    found = attach(home)
    assert found is not None
    assert (found.redis_url, found.database_url, found.pid) == (servers.redis_url, servers.database_url, os.getpid())
    assert (home / "embedded" / "endpoints.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("servers")
def test_a_second_owner_of_a_folder_is_refused(home: Path) -> None:
    with pytest.raises(AlreadyOwnedError, match=r"is running in .* already: stop it, or set DATA_DIR"), Embedded(home):
        pass


def test_an_error_names_a_folder_that_cannot_be_created(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(StartError, match=r"file can't be written to \(File exists\): set DATA_DIR"):
        Embedded(folder / "file").__enter__()


def test_a_restarted_valkey_keeps_its_data_unless_it_is_emptied(servers: Embedded) -> None:
    assert servers.valkey is not None
    with redis.Redis.from_url(servers.valkey.url) as client:
        client.set("kept", "yes")
        servers.valkey.restart()
        assert client.get("kept") == b"yes"
        servers.valkey.restart(empty=True)
        assert client.get("kept") is None


def test_a_restarted_postgres_keeps_committed_data(servers: Embedded) -> None:
    assert servers.postgres is not None
    with psycopg.connect(servers.postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    servers.postgres.restart()
    with psycopg.connect(servers.postgres.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_paused_postgres_does_not_answer_until_it_is_resumed(servers: Embedded) -> None:
    assert servers.postgres is not None
    servers.postgres.pause()
    with pytest.raises(psycopg.OperationalError, match="timeout"):
        psycopg.connect(servers.postgres.url, connect_timeout=2)
    servers.postgres.resume()
    psycopg.connect(servers.postgres.url, connect_timeout=5).close()


def test_persistent_data_is_available_after_the_next_start(folder: Path) -> None:
    with Embedded(folder) as first:
        assert first.redis_url is not None
        assert first.database_url is not None
        with redis.Redis.from_url(first.redis_url) as client:
            client.set("kept", "yes")
        with psycopg.connect(first.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert attach(folder) is None
    with Embedded(folder) as second:
        assert (second.redis_url, second.database_url) == (first.redis_url, first.database_url)
        with redis.Redis.from_url(first.redis_url) as client:
            assert client.get("kept") == b"yes"
        with psycopg.connect(first.database_url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_servers_end_with_their_owner_even_when_it_is_killed(folder: Path, end: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with owner:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        servers = [psutil.Process(pid) for pid in pids]
        owner.send_signal(end)
        assert psutil.wait_procs(servers, timeout=10)[1] == []
    assert attach(folder) is None


def test_a_folder_with_a_long_name_gets_short_sockets(folder: Path) -> None:
    deep = folder / ("x" * 60) / ("y" * 60)
    with Embedded(deep, ephemeral=True) as servers:
        assert servers.redis_url is not None
        assert str(deep) not in servers.redis_url
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.ping()


def test_a_private_folder_works_and_stays_private(folder: Path) -> None:
    folder.chmod(0o700)
    with Embedded(folder, ephemeral=True) as servers:
        assert servers.database_url is not None
        psycopg.connect(servers.database_url).close()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_only_missing_servers_are_started(folder: Path) -> None:
    with Embedded(folder, ephemeral=True, postgres=False) as servers:
        assert servers.postgres is None
        found = attach(folder)
        assert found is not None
        assert found.database_url is None
