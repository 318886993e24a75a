"""The benchmark's image provider: free, of a known latency, and it writes down when it is called.

It joins through an entry point, as a stranger's package would. It returns its first input, which costs nothing, or
draws as the mock does; the environment says which.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from providers.images.base import Capabilities, GeneratedImage, ImageRequest, OnStarted

if TYPE_CHECKING:
    from pathlib import Path

    from providers.images.config import ProviderConfig
    from providers.images.mock.provider import MockProvider

NAME = "bench"
MAX_INPUTS = 16
LATENCY, DRAWS, RECORD = "BENCH_LATENCY_S", "BENCH_DRAWS", "BENCH_RECORD"
PACKAGE = "darkroom_bench-1.dist-info"
METADATA = "Metadata-Version: 2.1\nName: darkroom-bench\nVersion: 1\n"
ENTRY_POINTS = f"[darkroom.image_providers]\n{NAME} = {__name__}:BenchProvider\n"


class BenchProvider:
    """Waits `BENCH_LATENCY_S` seconds and answers."""

    name = NAME
    capabilities = Capabilities(edit=True, generate=True, max_inputs=MAX_INPUTS, paid=False)

    def __init__(self, config: ProviderConfig) -> None:
        """Read the environment; `config` says nothing that matters here."""
        del config
        self._latency_s = float(os.environ[LATENCY])
        self._mock = _mock() if os.environ[DRAWS] == "1" else None
        # One write of a short line to a file opened for appending is never mixed with another's.
        self._record = os.open(os.environ[RECORD], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002  its work has no id
        resume: str | None = None,  # noqa: ARG002  the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        started = time.time()
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        image = await self._mock.generate(request) if self._mock else None
        os.write(self._record, f"{request.task_id} {started:.6f} {time.time():.6f}\n".encode())
        data = image.data if image else request.inputs[0]
        return GeneratedImage(provider=self.name, model=self.name, data=data)

    async def aclose(self) -> None:
        """Close the record."""
        os.close(self._record)


def _mock() -> MockProvider:
    from providers.images.mock.provider import MockProvider  # noqa: PLC0415  loads Pillow's fonts, needed only to draw

    return MockProvider(latency_s=0.0)


def install(folder: Path) -> Path:
    """Write what an installer would into `folder`, which belongs on PYTHONPATH then."""
    package = folder / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text(METADATA)
    (package / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def calls(record: Path) -> dict[str, tuple[float, float]]:
    """When each task's first call began and ended, seconds since the epoch."""
    found: dict[str, tuple[float, float]] = {}
    for line in record.read_text().splitlines() if record.exists() else ():
        task_id, began, ended = line.split()
        found.setdefault(task_id, (float(began), float(ended)))
    return found
