"""Measure recovery times after worker kills, from leases in the database and progress events."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psycopg
import redis.exceptions

from providers.redis_clients import sync_client
from schemas.progress import Progress, channel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

#: Interval of reading the leases, and delay after an outage, seconds.
POLL_S = 0.5
LEASES = """
select d.task_id, d.token, j.recoveries, extract(epoch from coalesce(d.claim_by, w.lease_until))::float8
  from darkroom_dispatched d join darkroom_jobs j using (task_id) left join darkroom_workers w using (worker_id)
 where coalesce(d.claim_by, w.lease_until) is not null
"""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Take-over of a job by another worker.

    Attributes:
        token: The fencing token of the recovery, or of the claim that followed it.
        renewed_at: Time of the former worker's last renewal, seconds since the epoch.
        expired_at: Time at which its lease expired.
        seen_at: Time at which the take-over was observed.
    """

    task_id: str
    token: int
    renewed_at: float
    expired_at: float
    seen_at: float = 0.0


class Recoveries:
    """Context manager that watches jobs in the background."""

    def __init__(self, database_url: str, redis_url: str, lease_s: float) -> None:
        """Watch all jobs; `lease_s` is the duration of a lease, seconds."""
        self._database_url = database_url
        self._redis_url = redis_url
        self._lease_s = lease_s
        self._stopped = threading.Event()
        self._leases: dict[str, tuple[int, float]] = {}
        self._moved: dict[tuple[str, int], float] = {}
        self._threads = [
            threading.Thread(target=run, daemon=True) for run in (self._poll_leases, self._listen_to_events)
        ]
        self.take_overs: list[TakeOver] = []

    def __enter__(self) -> Self:
        """Start watching."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def seconds(self, kills: Sequence[float]) -> list[float]:
        """Return the times from each kill to the first event of the job's next worker, sorted, seconds.

        The kill is the earliest one between the former worker's last renewal and the end of its lease, so that with
        several candidates the longest time counts. Take-overs without such a kill have another reason and are skipped.
        """
        found = []
        for change in self.take_overs:
            suspects = [at for at in kills if change.renewed_at - POLL_S <= at <= change.expired_at]
            moved = self._first_event(change)
            if suspects and moved:
                found.append(moved - min(suspects))
        return sorted(found)

    def killed(self, kills: Sequence[float]) -> Counter[str]:
        """Return the number of take-overs of each task after a kill of its worker."""
        return Counter(
            change.task_id
            for change in self.take_overs
            if any(change.renewed_at - POLL_S <= at <= change.seen_at for at in kills)
        )

    def _poll_leases(self) -> None:
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._database_url, autocommit=True) as connection:
                    while not self._stopped.wait(POLL_S):
                        for row in connection.execute(LEASES):
                            self._compare(*row)
            except psycopg.OperationalError:  # an injected crash
                self._stopped.wait(POLL_S)

    def _compare(self, task_id: str, token: int, recoveries: int, lease_until: float) -> None:
        old_recoveries, old_until = self._leases.get(task_id, (recoveries, 0.0))
        if old_recoveries < recoveries:
            self.take_overs.append(TakeOver(task_id, token, old_until - self._lease_s, old_until, time.time()))
        self._leases[task_id] = recoveries, lease_until

    def _first_event(self, change: TakeOver) -> float | None:
        # The next worker's claim raises the token of the recovery.
        return min(
            (at for (task_id, token), at in self._moved.items() if task_id == change.task_id and token >= change.token),
            default=None,
        )

    def _listen_to_events(self) -> None:
        client = sync_client(self._redis_url, max_connections=1)
        while not self._stopped.is_set():
            try:
                with client.pubsub(ignore_subscribe_messages=True) as subscription:
                    subscription.psubscribe(channel("*"))
                    while not self._stopped.is_set():
                        if message := subscription.get_message(timeout=POLL_S):
                            event = Progress.model_validate_json(message["data"])
                            self._moved.setdefault((event.task_id, event.attempt), event.at or time.time())
            except redis.exceptions.RedisError:  # an injected restart
                self._stopped.wait(POLL_S)
        client.close()
