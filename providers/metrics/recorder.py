"""Counters, histograms and gauges of all processes, stored in Redis; any process can render them for Prometheus.

| key | type | content | lifetime |
|---|---|---|---|
| `darkroom:metrics` | hash | a field `name|labels|part` for each counter, sum and bucket | does not expire |
| `darkroom:gauges` | hash | a field `name|labels|process` with `value@milliseconds` | 30 s after its last refresh |

The multi-process files of prometheus_client would collide across containers.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlencode

import redis.asyncio
import redis.exceptions
import structlog

from providers.metrics import exposition
from providers.metrics.exposition import BUCKETS, COUNTERS, GAUGE_HELP, HISTOGRAMS

HASH = "darkroom:metrics"
GAUGES = "darkroom:gauges"
#: Seconds between flushes to Redis.
FLUSH_S = 1.0
#: Seconds between refreshes of an unchanged gauge, and seconds after which a gauge without refresh expires.
GAUGE_REFRESH_S = 10.0
GAUGE_TTL_S = 30.0

# Set gauges (ARGV[2..]: field, value, ...), remove those that were not refreshed for ARGV[1] milliseconds of the
# server's clock, and return the rest.
_SET_GAUGES = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. '@' .. string.format('%.0f', now))
end
local found = redis.call('HGETALL', KEYS[1])
for i = 1, #found, 2 do
  if tonumber(string.match(found[i + 1], '@(%d+)$') or '0') < now - ARGV[1] then
    redis.call('HDEL', KEYS[1], found[i])
  end
end
if #ARGV > 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return redis.call('HGETALL', KEYS[1])
"""

log = structlog.get_logger(__name__)


class Metrics:
    """Accumulates metrics in memory and flushes them to Redis once a second; belongs to one event loop.

    Names are those of `COUNTERS`, `HISTOGRAMS` and `GAUGE_HELP`; the suffix `_total` of a counter is optional.
    After a failed flush the values are kept for the next one; values that a killed process had not flushed are lost.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Write through `client`; its owner closes it."""
        self._client = client
        self._process = secrets.token_hex(6)
        self._counts: dict[str, float] = defaultdict(float)
        self._gauges: dict[str, float] = {}
        self._gauges_at = 0.0
        self._flusher: asyncio.Task[None] | None = None

    async def incr(self, name: str, labels: Mapping[str, str] | None = None, value: float = 1) -> None:
        """Add `value` to a counter."""
        family = name.removesuffix("_total")
        if family not in COUNTERS:
            raise KeyError(name)
        self._add(_field(family, labels, "total"), value)

    async def count_killed_picture(self, cause: str) -> None:
        """Count a picture that ended its decoder process."""
        await self.incr("darkroom_pictures_killed_total", {"cause": cause})

    async def observe(self, name: str, labels: Mapping[str, str] | None, seconds: float) -> None:
        """Add a duration to a histogram."""
        if name not in HISTOGRAMS:
            raise KeyError(name)
        bucket = next((str(bound) for bound in BUCKETS if seconds <= bound), "+Inf")
        self._add(_field(name, labels, bucket), 1)
        self._add(_field(name, labels, "sum"), seconds)

    async def gauge(self, name: str, labels: Mapping[str, str] | None, value: float) -> None:
        """Set this process's share of a gauge, valid until it is set again or the process ends."""
        if name not in GAUGE_HELP:
            raise KeyError(name)
        field = _field(name, labels, self._process)
        if self._gauges.get(field) != value:
            self._gauges[field] = value
            self._gauges_at = 0.0
            self._start_flushing()

    async def flush(self) -> None:
        """Write the accumulated values to Redis.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable; the values are kept.
        """
        counts, self._counts = self._counts, defaultdict(float)
        pipeline = self._client.pipeline(transaction=False)
        for field, value in counts.items():
            pipeline.hincrbyfloat(HASH, field, value)
        if self._gauges and time.monotonic() - self._gauges_at > GAUGE_REFRESH_S:
            pairs = [text for field, value in self._gauges.items() for text in (field, str(value))]
            pipeline.eval(_SET_GAUGES, 1, GAUGES, round(GAUGE_TTL_S * 1000), *pairs)
            self._gauges_at = time.monotonic()
        try:
            await pipeline.execute()
        except BaseException:
            self._gauges_at = 0.0
            for field, value in counts.items():
                self._counts[field] += value
            raise

    async def aclose(self) -> None:
        """Flush the remaining values and remove this process's gauges."""
        if self._flusher:
            self._flusher.cancel()
        with contextlib.suppress(redis.exceptions.RedisError):  # the process ends: no later flush can retry
            await self.flush()
            if self._gauges:
                await self._client.hdel(GAUGES, *self._gauges)

    async def render(self, extra: Mapping[str, tuple[str, Mapping[str, float]]] | None = None) -> bytes:
        """Return all metrics in the Prometheus text format.

        Args:
            extra: Gauges from other sources: `{name: (help, {label=value&…: number})}`.

        Raises:
            redis.exceptions.RedisError: Redis is unavailable.
        """
        await self.flush()
        pipeline = self._client.pipeline(transaction=False)
        pipeline.hgetall(HASH)
        pipeline.eval(_SET_GAUGES, 1, GAUGES, round(GAUGE_TTL_S * 1000))
        counts, gauges = await pipeline.execute()
        found = dict(zip(gauges[::2], gauges[1::2], strict=True))
        return exposition.text(counts, {field: value.split(b"@")[0] for field, value in found.items()}, extra or {})

    def _add(self, field: str, value: float) -> None:
        self._counts[field] += value
        self._start_flushing()

    def _start_flushing(self) -> None:
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.get_running_loop().create_task(self._flush_periodically())

    async def _flush_periodically(self) -> None:
        while self._counts or self._gauges:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except redis.exceptions.RedisError as error:
                log.warning("metrics_unavailable", error=type(error).__name__)


def _field(name: str, labels: Mapping[str, str] | None, part: str) -> str:
    return _format_field(name, tuple(sorted((labels or {}).items())), part)


@functools.lru_cache(maxsize=4096)
def _format_field(name: str, labels: tuple[tuple[str, str], ...], part: str) -> str:
    return f"{name}|{urlencode(labels)}|{part}"
