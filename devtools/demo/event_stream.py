"""Read server-sent events of a task, with reconnection."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx

from commands.outcome import CommandError
from schemas.progress import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Delay before reconnecting to a task that was just pushed and is not ingested yet, seconds.
UNKNOWN_S = 0.05
#: Delay before reconnecting, unless the service sets another one, seconds.
RETRY_S = 1.0
#: Delays by temporary error: the task is not known yet, or the service is starting or stopping.
TEMPORARY = {HTTPStatus.NOT_FOUND: UNKNOWN_S, HTTPStatus.SERVICE_UNAVAILABLE: RETRY_S}


class EventStream:
    """Events of one task, read as by `EventSource` in a browser."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        """Read `url` through `client`, which the caller closes."""
        self._client, self._url = client, url
        self._last_id = ""
        self._pause_s = RETRY_S
        self._ended = False

    async def events(self) -> AsyncIterator[Progress]:
        """Yield every event until the terminal one, and reconnect as needed.

        Raises:
            CommandError: The service refused the stream with a permanent error.
        """
        while not self._ended:
            self._pause_s = RETRY_S
            with contextlib.suppress(httpx.TransportError):  # reconnect
                async with self._client.stream("GET", self._url, headers=self._headers()) as response:
                    async for event in self._read(response):
                        yield event
            if not self._ended:
                await asyncio.sleep(self._pause_s)

    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last_id} if self._last_id else {})

    async def _read(self, response: httpx.Response) -> AsyncIterator[Progress]:
        if response.status_code != HTTPStatus.OK:
            await response.aread()  # so that the connection can be reused
            self._handle_status(response)
            return
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            fields[name] = value
            if not line:
                if event := self._dispatch(fields):
                    yield event
                fields = {}

    def _handle_status(self, response: httpx.Response) -> None:
        if response.status_code == HTTPStatus.NO_CONTENT:  # the terminal event has already been received
            self._ended = True
        elif response.status_code in TEMPORARY:
            self._pause_s = TEMPORARY[HTTPStatus(response.status_code)]
        else:
            raise CommandError(f"The HTTP service answered {response.status_code} to {response.url.path}.")

    def _dispatch(self, fields: dict[str, str]) -> Progress | None:
        self._last_id = fields.get("id", self._last_id)
        if "retry" in fields:
            self._pause_s = int(fields["retry"]) / 1000
        if "data" not in fields:  # a keep-alive comment, or only a reconnection time
            return None
        event = Progress.model_validate_json(fields["data"])
        self._ended = event.status.terminal
        return event
