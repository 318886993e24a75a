"""`manage.py bench sizing`: sizes over HTTP against bare decoding and detecting, in one run.

The bare calls run in this process, on one thread per concurrent request but at most one per core; the requests go to
the service as deployed. Both use the same drawn picture and alternate about every second, so that other load on the
machine affects both.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from commands.local import programs
from commands.local.embedded import Embedded
from commands.local.free_port import free_port
from commands.local.process import Command, Process
from commands.outcome import CommandOutcome
from devtools.bench import usage
from devtools.bench.upload_load import UploadLoad, form_request, upload
from devtools.pictures.synthetic_person import draw_person, jpeg
from pipelines.images.pixels import decode_pixels
from providers.pose.bundle import installed_pose_model
from providers.pose.load import load_estimator
from providers.records.migrate import migrate

if TYPE_CHECKING:
    from providers.pose.base import PoseEstimator
    from settings import Settings

PATH = "/estimate-body"
FACTS = {"height_cm": "175", "weight_kg": "75", "sex": "male"}
#: Number of requests at each concurrency; memory must not grow over their total of 2,000.
REQUESTS = {1: 300, 4: 700, 16: 1000}
WARM_UP = 200
ROUNDS = 10
#: Duration of the bare calls of each round, seconds.
BARE_S = 1.0
CORES = len(os.sched_getaffinity(0))


def bench_sizing(settings: Settings) -> CommandOutcome:
    """Measure sizes per second, latency and memory growth.

    Result: `served_per_s` and `p95_ms` of requests by concurrency, `bare_per_s` of one call after another,
    `bare_at` (the same on as many threads as requests, at most one per core), `ratio` of the two, `bare_ms` of one
    call, `p95_limit_ms` at concurrency 4, `cores`, and `rss_growth_mb` of the service over 2,000 requests.

    Raises:
        StartError: The service can't be started.
        CommandError: The service refused a request.
    """
    model, picture = installed_pose_model(settings.data_dir, settings.pose_model_path), jpeg(draw_person())
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as another account
        with Embedded(Path(folder), ephemeral=True) as embedded:
            data = _measure(settings, embedded, model, picture)
    return CommandOutcome(data, _view(data))


def _measure(settings: Settings, embedded: Embedded, model: Path, picture: bytes) -> dict[str, Any]:
    if embedded.database_url:
        migrate(embedded.database_url)
    host, port = "127.0.0.1", free_port()
    request = form_request(f"{host}:{port}", PATH, picture, FACTS)
    service = Process(_service(settings, embedded, host, port))
    estimators = [load_estimator(model) for _ in range(CORES)]
    try:
        service.wait_ready(lambda: _accepts(host, port))
        asyncio.run(upload(host, port, request, requests=WARM_UP, concurrency=max(REQUESTS)))
        before_mb = usage.rss_mb(service.pid)
        bare, served = dict.fromkeys(REQUESTS, 0.0), dict.fromkeys(REQUESTS, UploadLoad())
        for _, (concurrency, requests) in product(range(ROUNDS), REQUESTS.items()):
            bare[concurrency] += _bare(estimators[:concurrency], picture) / ROUNDS
            call = upload(host, port, request, requests=requests // ROUNDS, concurrency=concurrency)
            served[concurrency] += asyncio.run(call)
        growth_mb = usage.rss_mb(service.pid) - before_mb
    finally:
        service.stop()
        for estimator in estimators:
            estimator.close()
    return _summary(bare, served, growth_mb)


def _summary(bare: dict[int, float], served: dict[int, UploadLoad], growth_mb: float) -> dict[str, Any]:
    return {
        "bare_per_s": round(bare[1], 1),
        "bare_at": {str(number): round(per_s, 1) for number, per_s in bare.items()},
        "served_per_s": {str(number): round(load.per_s, 1) for number, load in served.items()},
        "ratio": {str(number): round(load.per_s / bare[number], 3) for number, load in served.items()},
        "bare_ms": round(1000 / bare[1], 1),
        "p95_ms": {str(number): round(load.p95_ms, 1) for number, load in served.items()},
        "p95_limit_ms": round(2.5 * 1000 / bare[1] * 4 / CORES, 1),
        "cores": CORES,
        "rss_growth_mb": round(growth_mb, 1),
    }


def _bare(estimators: list[PoseEstimator], picture: bytes) -> float:
    """Decode and detect on one thread per estimator for `BARE_S` seconds; return pictures per second."""
    until = time.monotonic() + BARE_S
    with ThreadPoolExecutor(len(estimators)) as threads:
        return sum(threads.map(lambda estimator: _repeat(estimator, picture, until), estimators)) / BARE_S


def _repeat(estimator: PoseEstimator, picture: bytes, until: float) -> int:
    times = 0
    while time.monotonic() < until:
        estimator.detect(decode_pixels(picture).rgb)
        times += 1
    return times


def _service(settings: Settings, embedded: Embedded, host: str, port: int) -> Command:
    env = programs.environment(settings, embedded, HOST=host, PORT=str(port), LOG_LEVEL="warning")
    gunicorn = Path(sys.executable).with_name("gunicorn")
    return Command("http", (str(gunicorn), "-c", "http/gunicorn.conf.py"), programs.ROOT, None, env=env)


def _accepts(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _view(data: dict[str, Any]) -> Table:
    title = f"{data['cores']} cores; memory grew by {data['rss_growth_mb']} MB over {sum(REQUESTS.values())} requests"
    table = Table("concurrency", "served/s", "bare/s", "ratio", "p95, ms", title=title)
    for number in map(str, REQUESTS):
        row = (data[name][number] for name in ("served_per_s", "bare_at", "ratio", "p95_ms"))
        table.add_row(number, *map(str, row))
    return table
