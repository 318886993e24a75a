from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.deployment import Deployment, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commands.local.embedded import Embedded


@pytest.fixture
def deployment(embedded: Embedded, database_url: str, flush_redis: None, tmp_path: Path) -> Iterator[Deployment]:  # noqa: ARG001
    yield from opened(Deployment(embedded, database_url, tmp_path))
