"""The SQL calls of tasks without pictures, from their acceptance to their published outcome."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devtools.bench.tasks import BenchTask, payload
from pipelines.control.payloads import parse
from providers.records.releases import Releases
from schemas.common import Product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from providers.records import Records
    from schemas.records import JobRow

#: Tasks per call, as under moderate load.
ACCEPTED, DISPATCHED = 10, 10
MAX_IN_FLIGHT = 10_000
LEASE_S = 600.0
WORKER_ID = "ledger"
URLS = ("https://pictures.example/model", "https://pictures.example/outfit")
#: What a worker stores about a finished picture, and about the completed job.
PICTURE = {"path": "generated/user/session.jpg", "width": 1024, "height": 1536, "provider": "bench", "calls": 1}
OUTCOME = {"pictures": [{"path": "generated/user/session.jpg", "url": "https://storage.example/" + "x" * 200}]}
SESSION = {"generated_image_url": "https://storage.example/" + "x" * 200, "estimated_cost_usd": 0.04}


class LifeCycles:
    """Runs tasks through a database and measures each call.

    Attributes:
        calls_ms: Durations of the calls `accept`, `dispatch`, `claim` and `complete`, milliseconds.
    """

    def __init__(self, records: Records, *, connections: int) -> None:
        """Use `connections` concurrent workers, each of which waits for one call at a time."""
        self._records = records
        self._releases = Releases(records.workers)
        self._workers = connections
        self.calls_ms: dict[str, list[float]] = defaultdict(list)

    async def run(self, tasks: Sequence[BenchTask]) -> None:
        """Accept, dispatch and complete the tasks."""
        dispatched: asyncio.Queue[JobRow | None] = asyncio.Queue(maxsize=2 * self._workers)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(dispatched))
            await self._feed(tasks, dispatched)
            for _ in range(self._workers):
                await dispatched.put(None)
        await self._releases.aclose()

    async def _feed(self, tasks: Sequence[BenchTask], dispatched: asyncio.Queue[JobRow | None]) -> None:
        new = [parse(Product.TRYON, json.dumps(payload(task, URLS)).encode()) for task in tasks]
        for start in range(0, len(new), ACCEPTED):
            with self._timed("accept"):
                await self._records.accept(new[start : start + ACCEPTED])
            with self._timed("dispatch"):
                rows = await self._records.dispatch(limit=DISPATCHED, max_in_flight=MAX_IN_FLIGHT, lease_s=LEASE_S)
            for row in rows:
                await dispatched.put(row)

    async def _work(self, dispatched: asyncio.Queue[JobRow | None]) -> None:
        while (row := await dispatched.get()) is not None:
            with self._timed("claim"):
                token = await self._records.workers.claim(
                    row.task_id, row.token, worker_id=WORKER_ID, claim_id=row.task_id
                )
            if token is None:
                raise RuntimeError(f"the job of {row.task_id} can't be claimed")
            await self._records.journal(row.task_id, token, ["pictures", "0"], PICTURE, spent_usd=0.04)
            with self._timed("complete"):
                await self._records.complete(
                    row.task_id, token, outcome=OUTCOME, session=SESSION, images=[], deliveries=[]
                )
            self._releases.add(row.task_id, token)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.calls_ms[name].append((time.perf_counter() - started) * 1000)
