"""The benchmark's image provider: free, with a fixed latency, and with a log of its calls.

It is registered by an entry point, like a third-party package. It returns its first input, which costs nothing, or
draws a picture as the mock provider does, depending on the environment.
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
LATENCY, DRAWS, CALL_LOG = "BENCH_LATENCY_S", "BENCH_DRAWS", "BENCH_CALL_LOG"
PACKAGE = "darkroom_bench-1.dist-info"
METADATA = "Metadata-Version: 2.1\nName: darkroom-bench\nVersion: 1\n"
ENTRY_POINTS = f"[darkroom.image_providers]\n{NAME} = {__name__}:BenchProvider\n"


class BenchProvider:
    """Answer after `BENCH_LATENCY_S` seconds."""

    name = NAME
    capabilities = Capabilities(edit=True, generate=True, max_inputs=MAX_INPUTS, paid=False)

    def __init__(self, config: ProviderConfig) -> None:
        """Read the environment; `config` is not used."""
        del config
        self._latency_s = float(os.environ[LATENCY])
        self._mock = _mock() if os.environ[DRAWS] == "1" else None
        # Several processes append; a single write of a short line with O_APPEND is not interleaved.
        self._call_log = os.open(os.environ[CALL_LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def generate(
        self,
        request: ImageRequest,
        *,
        on_started: OnStarted | None = None,  # noqa: ARG002  calls have no provider job id
        resume: str | None = None,  # noqa: ARG002  the same
    ) -> GeneratedImage:
        """See `ImageProvider.generate`."""
        started = time.time()
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        image = await self._mock.generate(request) if self._mock else None
        os.write(self._call_log, f"{request.task_id} {started:.6f} {time.time():.6f}\n".encode())
        data = image.data if image else request.inputs[0]
        return GeneratedImage(provider=self.name, model=self.name, data=data)

    async def aclose(self) -> None:
        """Close the call log."""
        os.close(self._call_log)


def _mock() -> MockProvider:
    from providers.images.mock.provider import MockProvider  # noqa: PLC0415  loads Pillow's fonts, needed only to draw

    return MockProvider(latency_s=0.0)


def install(folder: Path) -> Path:
    """Write the metadata of an installed package to `folder`, which must then be on PYTHONPATH."""
    package = folder / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    (package / "METADATA").write_text(METADATA)
    (package / "entry_points.txt").write_text(ENTRY_POINTS)
    return folder


def calls(call_log: Path) -> dict[str, tuple[float, float]]:
    """Return the start and end of each task's first call, seconds since the epoch."""
    found: dict[str, tuple[float, float]] = {}
    for line in call_log.read_text().splitlines() if call_log.exists() else ():
        task_id, began, ended = line.split()
        found.setdefault(task_id, (float(began), float(ended)))
    return found
