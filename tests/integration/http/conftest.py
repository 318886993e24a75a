"""A real gunicorn on loopback over the embedded servers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
#: Variables that the service inherits: all others must not matter to it.
INHERITED = {"PATH", "LANG", "LC_ALL", "TMPDIR"}
#: Limits for a start, an answer and a stop, seconds: the service's own are far below.
START_S, ANSWER_S, STOP_S = 60.0, 30.0, 60.0


@dataclass
class Service:
    """A running service.

    Attributes:
        url: Where it is reached.
        log: The file with its standard error.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    data_dir: Path
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=ANSWER_S, trust_env=False)
        self.clients.append(client)
        return client

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def terminate(self) -> int:
        """Stop it with SIGTERM and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)


Start = Callable[..., Service]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def serving(folder: Path, *, config: str = "http/gunicorn.conf.py", **settings: str) -> Iterator[Service]:
    port = free_port()
    log = folder / f"http-{port}.log"
    environment = {
        **{name: value for name, value in os.environ.items() if name in INHERITED},
        "PORT": str(port), "DATA_DIR": str(folder), "HOME": str(folder), "PYTHONWARNINGS": "error",
        "LOG_FORMAT": "json", **settings,
    }  # fmt: skip
    command = [sys.executable, "-m", "gunicorn", "-c", config]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    service = Service(f"http://127.0.0.1:{port}", process, log, folder)
    try:
        _wait_ready(service)
        yield service
    finally:
        for client in service.clients:
            client.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(service: Service) -> None:
    def ready() -> bool:
        assert service.process.poll() is None, service.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{service.url}/health/live", trust_env=False).status_code == 200
        return False

    wait_until(ready, f"the start of the service ({service.log})", START_S)


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Environment variables of the module's service; modules override this."""
    return {}


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, redis_url: str, database_url: str, settings: dict[str, str]
) -> Iterator[Service]:
    """One service for a module."""
    folder = tmp_path_factory.mktemp("http")
    with serving(folder, REDIS_URL=redis_url, DATABASE_URL=database_url, **settings) as running:
        yield running


@pytest.fixture
def client(service: Service) -> httpx.Client:
    """A client without a token."""
    return service.client()


@pytest.fixture
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """The database itself."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def shopper(database: psycopg.Connection[Any]) -> str:
    """The id of a user with 5 credits."""
    user_id = str(uuid.uuid4())
    give_credits(database, user_id, 5)
    return user_id


def give_credits(database: psycopg.Connection[Any], owner: str, amount: int, *, store: bool = False) -> None:
    table, column = ("store_credits", "store_id") if store else ("user_credits", "user_id")
    database.execute(
        f"insert into {table} ({column}, balance) values (%s, %s)"
        f" on conflict ({column}) do update set balance = excluded.balance",
        [owner, amount],
    )


def balance(database: psycopg.Connection[Any], owner: str, *, store: bool = False) -> int:
    table, column = ("store_credits", "store_id") if store else ("user_credits", "user_id")
    row = database.execute(f"select balance from {table} where {column} = %s", [owner]).fetchone()
    assert row is not None
    return int(row[0])
