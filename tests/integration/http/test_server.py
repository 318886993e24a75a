"""Connection limits, deadlines and shutdown, which gunicorn's asgi worker lacks."""

from __future__ import annotations

import contextlib
import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from api.tasks import hub
from tests.integration.http.conftest import ROOT, Service, serving
from tests.integration.http.streams import Stream
from tests.waiting import LIMIT_S, wait_until

IMPATIENT = "tests/integration/http/impatient.conf.py"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, redis_url: str, database_url: str) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("http")
    with serving(folder, config=IMPATIENT, REDIS_URL=redis_url, DATABASE_URL=database_url) as running:
        yield running


@pytest.fixture
def task_id(database: psycopg.Connection[Any]) -> str:
    task_id = str(uuid.uuid4())
    database.execute(
        "insert into darkroom_jobs (task_id, session_id, product, owner_id, channel, request_id, payload, state)"
        " values (%s, %s, 'tryon', 'u', 'b2c', 'r', '{}', 'running')",
        [task_id, task_id],
    )
    return task_id


def wait_for_close(connection: socket.socket) -> None:
    """Return when the server closes the connection; fail if it doesn't."""
    connection.settimeout(LIMIT_S)
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass


def send_until_cut(connection: socket.socket, data: bytes) -> None:
    """Send `data` again and again until the server cuts the connection; fail if it doesn't."""

    def cut() -> bool:
        try:
            connection.sendall(data)
        except ConnectionError:
            return True
        return False

    wait_until(cut, "the end of the connection")


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        b"POST /generations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
    ids=["nothing", "half a head", "half a body", "half a body in chunks"],
)
def test_a_client_with_an_incomplete_request_is_disconnected(service: Service, beginning: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(beginning)
        wait_for_close(connection)


def test_a_body_sent_byte_by_byte_is_disconnected(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST /generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        send_until_cut(connection, b"x")


def test_an_idle_connection_is_closed_after_its_request(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in connection.recv(65536)
        wait_for_close(connection)


def test_a_truncated_body_is_refused(service: Service, database: psycopg.Connection[Any]) -> None:
    body = b'{"user_id": "cut", "scene_description": "A beach", "avatar": {"id": "a"}}'
    head = b"POST /photos HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (len(body) + 5)
    chunked = b"POST /photos HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (
        len(body),
        body,
    )
    for request in (head + body, chunked):
        with service.connect() as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            assert b" 202 " not in connection.recv(65536)
    service.client().get("/health/live")
    assert database.execute("select count(*) from darkroom_requests where owner_id = 'cut'").fetchone() == (0,)


def test_a_client_that_does_not_read_is_disconnected(service: Service) -> None:
    with service.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
        send_until_cut(connection, request * 20)


def test_a_silent_stream_is_pinged(service: Service, task_id: str) -> None:
    assert hub.PING_S < 15
    with Stream(f"{service.url}/tasks/{task_id}/events") as stream:
        raw = b""
        while b": ping" not in raw:
            received = stream._socket.recv(4096)
            assert received
            raw += received


def connections_of(server: psutil.Process) -> list[object]:
    """Return the open connections of the server's processes."""
    processes = [server, *server.children(recursive=True)]
    return [found for process in processes for found in process.net_connections() if found.status != psutil.CONN_LISTEN]


def test_connections_beyond_the_limit_are_refused(service: Service, task_id: str) -> None:
    server = psutil.Process(service.process.pid)
    wait_until(lambda: not connections_of(server), "the end of the connections of earlier tests")
    streams = [Stream(f"{service.url}/tasks/{task_id}/events") for _ in range(20)]
    assert {stream.status for stream in streams} == {200}
    with service.connect() as connection:
        assert b"503 Service Unavailable" in connection.recv(65536)
    for stream in streams:
        stream.close()

    def admitted() -> bool:
        with service.connect() as connection:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b"200 OK" in connection.recv(65536)

    wait_until(admitted, "an answer after the streams have ended")


def test_no_control_socket_is_created_in_the_home_directory(service: Service) -> None:
    assert not (service.data_dir / ".gunicorn").exists()  # its home


def test_every_line_of_the_log_is_json(service: Service) -> None:
    lines = service.log.read_text().splitlines()
    assert lines
    assert all("timestamp" in json.loads(line) for line in lines)


def test_sigterm_ends_streams_with_a_hint_and_the_process(
    tmp_path: Path, redis_url: str, database_url: str, task_id: str
) -> None:
    with serving(tmp_path, REDIS_URL=redis_url, DATABASE_URL=database_url) as service:
        streams = [Stream(f"{service.url}/tasks/{task_id}/events") for _ in range(50)]
        for stream in streams:
            assert next(stream.events()).data["status"] == "pending"
        idle = service.connect()
        assert service.terminate() == 0
        for stream in streams:
            assert list(stream.events()) == []
            assert stream.retry
            stream.close()
        idle.close()
        assert "Forcing close" not in service.log.read_text()


def test_a_worker_is_recycled_and_its_streams_reconnect(
    tmp_path: Path, redis_url: str, database_url: str, task_id: str
) -> None:
    config = tmp_path / "recycling.conf.py"
    config.write_text(
        f"import runpy\nglobals().update(runpy.run_path({str(ROOT / 'http' / 'gunicorn.conf.py')!r}))\n"
        "max_requests, max_requests_jitter = 30, 0\n"
    )
    with serving(tmp_path, config=str(config), REDIS_URL=redis_url, DATABASE_URL=database_url) as service:
        first = Stream(f"{service.url}/tasks/{task_id}/events")
        for _ in range(40):
            service.client().get("/health/live")
        assert [event.data["status"] for event in first.events()] == ["pending"]
        assert first.retry
        first.close()
        with Stream(f"{service.url}/tasks/{task_id}/events") as second:
            assert next(second.events()).data["status"] == "pending"
        assert service.log.read_text().count("Booting worker") >= 2


@pytest.mark.parametrize("path", ["/", "/generations", "/tasks/t1/events"])
def test_a_websocket_is_refused_without_an_error(service: Service, path: str) -> None:
    upgrade = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    logged = len(service.log.read_text())
    with service.connect() as connection:
        connection.sendall((upgrade + key).encode())
        assert b" 403 " in connection.recv(65536).splitlines()[0]
    service.client().get("/health/live")
    assert "Error" not in service.log.read_text()[logged:]
