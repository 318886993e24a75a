from collections.abc import AsyncIterator

import pytest

from tests.integration.providers.fetch.picture_server import PictureServer, serving


@pytest.fixture
async def server() -> AsyncIterator[PictureServer]:
    async with serving() as pictures:
        yield pictures
