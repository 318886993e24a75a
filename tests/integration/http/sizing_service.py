"""The service as it is deployed, with the pose model in its data folder."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from providers.pose.bundle import model_path
from tests.integration.http.conftest import Service, serving
from tests.integration.providers.pose.model import installed_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def sizing(folder: Path, redis_url: str, database_url: str, **settings: str) -> Iterator[Service]:
    """Run it over `folder`."""
    model = model_path(folder)
    model.parent.mkdir(parents=True)
    shutil.copyfile(installed_model(), model)
    with serving(folder, REDIS_URL=redis_url, DATABASE_URL=database_url, **settings) as service:
        yield service
