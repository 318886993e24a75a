from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.house import House, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commands.embedded import Embedded


@pytest.fixture
def house(embedded: Embedded, database_url: str, flush_redis: None, tmp_path: Path) -> Iterator[House]:  # noqa: ARG001
    yield from opened(House(embedded, database_url, tmp_path))
