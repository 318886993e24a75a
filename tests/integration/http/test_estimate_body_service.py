"""The size recommendation in the deployed service: its answers, files and connections."""

from __future__ import annotations

import ipaddress
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devtools.pictures.synthetic_person import draw_person, jpeg
from tests.integration.http.sizing_service import sizing
from tests.integration.providers.pose.drawn import two_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.integration.http.conftest import Service

PHOTO = jpeg(draw_person())
MAN = {"height_cm": "175", "weight_kg": "75", "sex": "male"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, redis_url: str, database_url: str) -> Iterator[Service]:
    with sizing(tmp_path_factory.mktemp("sizing"), redis_url, database_url) as running:
        yield running


@pytest.fixture
def client(service: Service) -> httpx.Client:
    return service.client()


def upload(client: httpx.Client, picture: bytes = PHOTO) -> httpx.Response:
    return client.post("/estimate-body", data=MAN, files={"image": ("me.jpg", picture, "image/jpeg")}, timeout=60)


def test_an_uploaded_photo_gives_a_size(client: httpx.Client) -> None:
    answer = upload(client)

    assert answer.status_code == 200, answer.text
    assert answer.json()["recommended_size"] == "M"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_refusal_is_a_problem_with_instructions(client: httpx.Client) -> None:
    answer = upload(client, jpeg(two_people()))

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "MULTIPLE_PEOPLE"
    assert "only you" in answer.json()["message"]


def test_health_reports_the_loaded_model(client: httpx.Client) -> None:
    assert client.get("/health").json()["size_rec_model_loaded"] is True


def test_many_concurrent_requests_are_all_answered(service: Service) -> None:
    client = service.client()
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: upload(client), range(36)))

    assert {answer.status_code for answer in answers} <= {200, 429}
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1


def test_a_photo_leaves_no_file(service: Service, client: httpx.Client) -> None:
    before = contents(service)
    upload(client)
    client.post(
        "/estimate-body",
        json={"image_url": "https://shop.invalid/me.jpg?signature=secret", "height_cm": 175},
        timeout=60,
    )

    assert contents(service) == before
    log = service.log.read_text(errors="replace")
    assert "/estimate-body" in log
    assert "secret" not in log
    assert "shop.invalid" not in log


def contents(service: Service) -> dict[str, int]:
    """The sizes of all files that the service may write to, but for its log."""
    files = [path for path in service.data_dir.rglob("*") if path.is_file() and path != service.log]
    return {str(path): path.stat().st_size for path in files}


def test_no_connection_leaves_the_machine_while_sizes_are_estimated(service: Service, client: httpx.Client) -> None:
    with watched(service) as seen:
        for _ in range(20):
            assert upload(client).status_code == 200

    assert seen, "the watcher saw the connections to Redis and to us"
    assert all(ipaddress.ip_address(address).is_loopback for address in seen)


@contextmanager
def watched(service: Service) -> Iterator[set[str]]:
    """Collects the remote addresses of all sockets of the service, as the kernel lists them."""
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for pid in family(service.process.pid):
                seen.update(remotes(pid))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def remotes(pid: int) -> Iterator[str]:
    inodes = set(sockets(pid))
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[2].partition(":")
            if fields[9] in inodes and int(port, 16):
                yield unpacked(address)


def sockets(pid: int) -> Iterator[Any]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except OSError:  # closed since it was listed
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def unpacked(address: str) -> str:
    """An address as the kernel writes it: words in hexadecimal, each with its bytes reversed."""
    words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
    found = ipaddress.ip_address(b"".join(words))
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def test_json_of_undeclared_length_is_refused_before_all_of_it_has_arrived(service: Service) -> None:
    head = (
        b"POST /estimate-body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    with service.connect() as connection:
        connection.sendall(head + 2 * chunk)
        assert b" 413 " in connection.recv(65536)
