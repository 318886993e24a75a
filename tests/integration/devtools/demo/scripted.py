"""A server with scripted responses, over real connections."""

from __future__ import annotations

import asyncio
import contextlib

import httpx

from schemas.progress import Progress, Status


def event(progress: int, status: Status = Status.PROCESSING) -> Progress:
    return Progress(status=status, progress=progress, message="Rendering...", task_id="t", seq=progress, at=progress)


def event_stream(*events: Progress, retry_ms: int = 10) -> bytes:
    """Return the response of a stream that ends after these events."""
    blocks = "".join(f"id: 1.{one.seq}\nevent: progress\ndata: {one.model_dump_json()}\n\n" for one in events)
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return f"{head}retry: {retry_ms}\n\n: ping\n\n{blocks}".encode()


def error_response(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()


class Scripted:
    """Sends its responses in order, the last one repeatedly.

    Attributes:
        url: URL of the server, once it serves.
        requests: Heads of all received requests.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[bytes] = []
        self.requests: list[str] = []

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=5, trust_env=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        with contextlib.suppress(ConnectionError):  # the client has disconnected
            await writer.drain()
        writer.close()
