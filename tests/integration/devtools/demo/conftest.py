from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.integration.devtools.demo.scripted import Scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
async def service() -> AsyncIterator[Callable[..., Scripted]]:
    scripted = Scripted()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def answering(*answers: bytes) -> Scripted:
        scripted.answers = list(answers)
        return scripted

    async with server:
        yield answering
