"""Makes the scratch store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.scratch.folder import FolderScratch
from providers.scratch.redis import RedisScratch

if TYPE_CHECKING:
    from pathlib import Path

    import redis.asyncio

    from providers.scratch.base import Scratch

#: Seconds that bytes in Redis outlive the last write of their job; longer than any retry waits.
REDIS_TTL_S = 3600


def make_scratch(kind: str, data_dir: Path, client: redis.asyncio.Redis) -> Scratch:
    """Return the store for `SCRATCH` (`redis` or a folder below `data_dir`)."""
    return RedisScratch(client, REDIS_TTL_S) if kind == "redis" else FolderScratch(data_dir / "scratch")
