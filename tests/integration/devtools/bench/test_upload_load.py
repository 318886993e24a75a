from __future__ import annotations

import asyncio

import pytest

from commands.outcome import CommandError
from devtools.bench.upload_load import UploadLoad, form_request, upload

PICTURE = bytes(range(256)) * 100


class Server:
    """Answer every request on each connection, and record the number of concurrent connections."""

    def __init__(self, status: str = "200 OK") -> None:
        self._status = status
        self.bodies: list[bytes] = []
        self.open = self.max_open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.max_open = max(self.max_open, self.open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                writer.write(f"HTTP/1.1 {self._status}\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        except asyncio.IncompleteReadError:
            self.open -= 1
            writer.close()


async def serve(server: Server, requests: int, concurrency: int) -> UploadLoad:
    async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        request = form_request("127.0.0.1", "/estimate-body", PICTURE, {"height_cm": "175"})
        return await upload("127.0.0.1", port, request, requests=requests, concurrency=concurrency)


async def test_upload_sends_the_given_number_of_requests_with_the_given_concurrency() -> None:
    server = Server()
    load = await serve(server, 50, 4)

    assert len(server.bodies) == 50
    assert server.max_open == 4
    assert load.per_s > 0
    assert load.p95_ms > 0


async def test_the_picture_and_the_facts_are_in_the_form() -> None:
    server = Server()
    await serve(server, 2, 1)

    assert PICTURE in server.bodies[0]
    assert b'name="height_cm"\r\n\r\n175\r\n' in server.bodies[0]


async def test_an_error_status_ends_the_measurement() -> None:
    with pytest.raises(CommandError, match="429"):
        await serve(Server("429 Too Many Requests"), 5, 1)
