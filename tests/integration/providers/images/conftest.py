"""Providers against the emulation of their API: a test module has `API_PATH` and `make(url)`, or own fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.fake_provider import FakeProvider, fake_provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from providers.images.base import ImageProvider


@pytest.fixture
async def fake() -> AsyncIterator[FakeProvider]:
    async with fake_provider() as fake:
        yield fake


@pytest.fixture
async def provider(request: pytest.FixtureRequest, fake: FakeProvider) -> AsyncIterator[ImageProvider]:
    provider = request.module.make(fake.url + request.module.API_PATH)
    yield provider
    await provider.aclose()


@pytest.fixture
async def slow_provider(request: pytest.FixtureRequest) -> AsyncIterator[ImageProvider]:
    """A provider whose API answers after the test has given up."""
    async with fake_provider(hang=1) as fake:
        provider = request.module.make(fake.url + request.module.API_PATH)
        yield provider
        await provider.aclose()
