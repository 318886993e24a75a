"""Counts and durations of all processes, kept in Redis and rendered as Prometheus text by whoever is asked.

| key | type | what | lives |
|---|---|---|---|
| `darkroom:metrics` | hash | a field `name|labels|part` for each counter, sum and bucket | until Redis is emptied |
| `darkroom:gauges` | hash | a field `name|labels|process` with `value@milliseconds` | 30 s after their process set it |

Prometheus' own multi-process files would collide across containers.
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
#: How long what was counted may wait before it is sent, seconds.
FLUSH_S = 1.0
#: How often a gauge that has not changed is sent again, and how long one counts that is not, seconds.
GAUGE_REFRESH_S = 10.0
GAUGE_TTL_S = 30.0

# Sets gauges (ARGV: field, value, ...), removes those of processes that have been silent for ARGV[1] milliseconds by
# Redis' own time, and returns what is left.
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
    """Counts in memory and sends what was counted once a second; belongs to one event loop.

    Names are those of `COUNTERS`, `HISTOGRAMS` and `GAUGE_HELP`; a counter's `_total` may be written or left out. What
    can't be sent is kept for the next time; what a killed process had not sent is lost.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Send through `client`, which belongs to somebody else."""
        self._client = client
        self._process = secrets.token_hex(6)
        self._counts: dict[str, float] = defaultdict(float)
        self._gauges: dict[str, float] = {}
        self._gauges_at = 0.0
        self._sender: asyncio.Task[None] | None = None

    async def incr(self, name: str, labels: Mapping[str, str] | None = None, value: float = 1) -> None:
        """Add `value` to a counter."""
        family = name.removesuffix("_total")
        if family not in COUNTERS:
            raise KeyError(name)
        self._add(_field(family, labels, "total"), value)

    async def observe(self, name: str, labels: Mapping[str, str] | None, seconds: float) -> None:
        """Add a duration to a histogram."""
        if name not in HISTOGRAMS:
            raise KeyError(name)
        bucket = next((str(bound) for bound in BUCKETS if seconds <= bound), "+Inf")
        self._add(_field(name, labels, bucket), 1)
        self._add(_field(name, labels, "sum"), seconds)

    async def gauge(self, name: str, labels: Mapping[str, str] | None, value: float) -> None:
        """Set this process's share of a gauge; it counts until it is set again or the process ends."""
        if name not in GAUGE_HELP:
            raise KeyError(name)
        field = _field(name, labels, self._process)
        if self._gauges.get(field) != value:
            self._gauges[field] = value
            self._gauges_at = 0.0
            self._wake()

    async def flush(self) -> None:
        """Send what was counted.

        Raises:
            redis.exceptions.RedisError: It can't be sent, and is kept.
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
        """Send what is left, and take back this process's gauges."""
        if self._sender:
            self._sender.cancel()
        with contextlib.suppress(redis.exceptions.RedisError):  # nobody is left to keep it for
            await self.flush()
            if self._gauges:
                await self._client.hdel(GAUGES, *self._gauges)

    async def render(self, extra: Mapping[str, tuple[str, Mapping[str, float]]] | None = None) -> bytes:
        """Everything as Prometheus text.

        Args:
            extra: Gauges read elsewhere: `{name: (help, {label=value&…: number})}`.

        Raises:
            redis.exceptions.RedisError: Redis can't be read.
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
        self._wake()

    def _wake(self) -> None:
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._counts or self._gauges:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except redis.exceptions.RedisError as error:
                log.warning("metrics_unavailable", error=type(error).__name__)


def _field(name: str, labels: Mapping[str, str] | None, part: str) -> str:
    return _written(name, tuple(sorted((labels or {}).items())), part)


@functools.lru_cache(maxsize=4096)
def _written(name: str, labels: tuple[tuple[str, str], ...], part: str) -> str:
    return f"{name}|{urlencode(labels)}|{part}"
