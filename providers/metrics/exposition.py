"""Metric definitions, and their rendering in the Prometheus text format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

#: Upper bounds of the buckets in seconds: from enqueuing a stage to the time limit of a generation.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)

COUNTERS = {
    "darkroom_tasks": "Tasks by product and event: started, done, failed, retried.",
    "darkroom_credits": "Credits by kind: charge, refund.",
    "darkroom_provider_usd": "US dollars spent, by provider.",
    "darkroom_pictures_killed": "Pictures that ended their decoder process, by cause: memory, cpu, time, crash.",
    "darkroom_dead_letters_dropped": "Dead letters over the quota of their list, by list.",
    "darkroom_http_requests": "HTTP requests by method, route and status.",
}
HISTOGRAMS = {
    "darkroom_stage_seconds": "Duration of stages in seconds.",
    "darkroom_http_seconds": "Duration of HTTP requests in seconds, without event streams.",
}
GAUGE_HELP = {
    "darkroom_provider_in_flight": "Calls in flight, by provider.",
    "darkroom_sse_clients": "Open event streams.",
}

Samples = dict[str, dict[str, dict[str, float]]]
Extra = Mapping[str, tuple[str, Mapping[str, float]]]


def text(counts: Mapping[bytes, bytes], gauges: Mapping[bytes, bytes], extra: Extra) -> bytes:
    """Render the fields `name|labels|part` and the gauges `{name: (help, {label=value&…: number})}`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(_parse(counts), _parse(gauges), extra))
    return generate_latest(registry)


class _Snapshot:
    """prometheus_client collector over one read of the Redis hashes."""

    def __init__(self, counts: Samples, gauges: Samples, extra: Extra) -> None:
        self._counts, self._gauges, self._extra = counts, gauges, extra

    def collect(self) -> Iterator[Metric]:
        for name, text in COUNTERS.items():
            counter = CounterMetricFamily(name, text)
            for labels, parts in self._counts.get(name, {}).items():
                counter.add_sample(f"{name}_total", dict(parse_qsl(labels)), parts.get("total", 0.0))
            yield counter
        for name, text in HISTOGRAMS.items():
            histogram = HistogramMetricFamily(name, text)
            for labels, parts in self._counts.get(name, {}).items():
                _add_histogram(histogram, name, dict(parse_qsl(labels)), parts)
            yield histogram
        for name, text in GAUGE_HELP.items():
            yield _gauge(
                name, text, {labels: sum(parts.values()) for labels, parts in self._gauges.get(name, {}).items()}
            )
        for name, (text, values) in self._extra.items():
            yield _gauge(name, text, values)


def _gauge(name: str, text: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(name, text)
    for labels, value in values.items():
        gauge.add_sample(name, dict(parse_qsl(labels)), value)
    return gauge


def _add_histogram(family: Metric, name: str, labels: dict[str, str], parts: Mapping[str, float]) -> None:
    cumulative = 0.0
    for bound in (*map(str, BUCKETS), "+Inf"):
        cumulative += parts.get(bound, 0.0)
        family.add_sample(f"{name}_bucket", labels | {"le": bound}, cumulative)
    family.add_sample(f"{name}_count", labels, cumulative)
    family.add_sample(f"{name}_sum", labels, parts.get("sum", 0.0))


def _parse(fields: Mapping[bytes, bytes]) -> Samples:
    samples: Samples = defaultdict(lambda: defaultdict(dict))
    for field, value in fields.items():
        name, labels, part = field.decode().split("|")
        samples[name][labels][part] = float(value)
    return samples
