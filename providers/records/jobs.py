"""What can be done with jobs, sessions and credits; every method is one SQL function and one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from providers.records.base import Rpc
from providers.records.operators import Operators
from providers.records.orders import Orders
from providers.records.outbox import Outbox
from schemas.common import JobState, Product
from schemas.job import Failure
from schemas.records import (
    Completion,
    DeadLetter,
    JobRow,
    NewTask,
    Orphan,
    Reopening,
    Replay,
    SettlementResult,
    Verdict,
)

log = structlog.get_logger(__name__)

Row = TypeVar("Row", bound=BaseModel)

_KNOWN_PRODUCTS = [product.value for product in Product]
#: Columns of a job that hold objects, and what stands for one that can't be read: the job can still be ended.
_CONTENTS: dict[str, Any] = {"payload": {}, "journal": {}, "outcome": None, "failure": None}


class Records:
    """Orders, credits and jobs.

    Every method raises `DatabaseUnavailable` (worth trying again) or `DatabaseRefused` (not). Methods that take a
    `token` change nothing and say so when another worker owns the job by now.
    """

    def __init__(self, rpc: Rpc, *, max_refund_credits: int = 1) -> None:
        """Work through `rpc`; refund at most `max_refund_credits` of what our ledger does not prove."""
        self._rpc = rpc
        self._max_refund = max_refund_credits
        #: What is said about ended jobs, through the same connections.
        self.outbox = Outbox(rpc)
        #: Orders over HTTP and what is read there, through the same connections.
        self.orders = Orders(rpc)
        #: What operators do by hand, through the same connections.
        self.operators = Operators(rpc)

    async def aclose(self) -> None:
        """Give back connections."""
        await self._rpc.aclose()

    async def accept(self, tasks: Sequence[NewTask]) -> dict[str, Verdict]:
        """Take tasks into the waiting room; `{task_id: verdict}`."""
        rows = [task.model_dump(mode="json") for task in tasks]
        found = await self._rpc.call("darkroom_accept", p_tasks=rows, p_max_refund=self._max_refund)
        return {task_id: Verdict(verdict) for task_id, verdict in found.items()}

    async def dispatch(self, *, limit: int, max_in_flight: int, lease_s: float) -> list[JobRow]:
        """Start waiting jobs in turn, at most `limit` and never more than `max_in_flight` running altogether.

        Jobs of unknown products are left to workers that know them.
        """
        return _rows(
            await self._rpc.call(
                "darkroom_dispatch",
                p_limit=limit,
                p_max_in_flight=max_in_flight,
                p_lease_s=lease_s,
                p_products=_KNOWN_PRODUCTS,
            )
        )

    async def renew_leases(self, leases: Mapping[str, int], lease_s: float) -> dict[str, JobState]:
        """Extend the leases of `{task_id: token}`; the states of those that still hold."""
        held = await self._rpc.call("darkroom_renew_leases", p_leases=dict(leases), p_lease_s=lease_s)
        return {task_id: JobState(state) for task_id, state in held.items()}

    async def expired_leases(self, limit: int = 500) -> list[JobRow]:
        """Return jobs whose lease has expired, of products that this version knows."""
        return _rows(await self._rpc.call("darkroom_expired_leases", p_limit=limit, p_products=_KNOWN_PRODUCTS))

    async def recover(self, task_id: str, token: int, *, max_recoveries: int, lease_s: float) -> JobRow | None:
        """Take an expired job over; None if another was faster. `recoveries` above the limit: end it."""
        row = await self._rpc.call(
            "darkroom_recover", p_task_id=task_id, p_token=token, p_max_recoveries=max_recoveries, p_lease_s=lease_s
        )
        return _row(row) if row else None

    async def journal(  # noqa: PLR0913  one row's facts
        self,
        task_id: str,
        token: int,
        path: Iterable[str],
        value: Any,
        *,
        provider_job_id: str | None = None,
        spent_usd: float = 0.0,
    ) -> bool:
        """Write what must survive a crash; false if another worker owns the job or it ended."""
        return bool(
            await self._rpc.call(
                "darkroom_journal",
                p_task_id=task_id,
                p_token=token,
                p_path=list(path),
                p_value=value if isinstance(value, dict | list) else {"value": value},
                p_provider_job_id=provider_job_id,
                p_spent_usd=spent_usd,
            )
        )

    async def mark_rate_limited(self, task_id: str, token: int, message: str | None) -> bool:
        """Put the session back to queued with `message` while the job waits; None: it goes on."""
        return bool(
            await self._rpc.call("darkroom_mark_rate_limited", p_task_id=task_id, p_token=token, p_message=message)
        )

    async def postpone(self, task_id: str, token: int, delay_s: float, message: str) -> bool:
        """Put a running job back into the waiting room for `delay_s` seconds, its session queued with `message`."""
        return bool(
            await self._rpc.call(
                "darkroom_postpone", p_task_id=task_id, p_token=token, p_delay_s=delay_s, p_message=message
            )
        )

    async def session_progress(self, task_id: str, token: int, progress: int) -> bool:
        """Show in the session how far a batch is, 0 to 100."""
        return bool(
            await self._rpc.call("darkroom_session_progress", p_task_id=task_id, p_token=token, p_progress=progress)
        )

    async def complete(  # noqa: PLR0913  one transaction's facts
        self,
        task_id: str,
        token: int,
        *,
        outcome: dict[str, Any],
        session: dict[str, Any],
        images: list[dict[str, Any]],
        lease_s: float,
    ) -> Completion:
        """Complete the job: result, session, picture rows and state together."""
        return Completion(
            await self._rpc.call(
                "darkroom_complete",
                p_task_id=task_id,
                p_token=token,
                p_outcome=outcome,
                p_session=session,
                p_images=images,
                p_lease_s=lease_s,
            )
        )

    async def fail(
        self,
        task_id: str,
        failure: Failure,
        *,
        token: int | None = None,
        state: JobState = JobState.FAILED,
        lease_s: float,
    ) -> SettlementResult:
        """End a waiting or running job and its session, and refund what was charged, once."""
        return SettlementResult.model_validate(
            await self._rpc.call(
                "darkroom_fail",
                p_task_id=task_id,
                p_token=token,
                p_state=state.value,
                p_message=failure.message,
                p_failure=failure.model_dump(mode="json"),
                p_lease_s=lease_s,
            )
        )

    async def fail_session(
        self, product: Product, channel: str, session_id: str, message: str, request_id: str
    ) -> SettlementResult:
        """End and refund a session that no job works on."""
        return SettlementResult.model_validate(
            await self._rpc.call(
                "darkroom_fail_session",
                p_product=product.value,
                p_channel=channel,
                p_session_id=session_id,
                p_message=message,
                p_request_id=request_id,
                p_max_refund=self._max_refund,
            )
        )

    async def orphans(self, *, older_than_s: float, limit: int = 500) -> list[Orphan]:
        """Orders alive for longer than `older_than_s` that no job knows."""
        found = await self._rpc.call("darkroom_orphans", p_older_s=older_than_s, p_limit=limit)
        return _parsed(Orphan, found)

    async def replay(self, task_id: str) -> Replay:
        """Run a failed or cancelled job again, charged again."""
        return Replay(await self._rpc.call("darkroom_replay", p_task_id=task_id))

    async def job(self, task_id: str) -> JobRow | None:
        """The row of a task."""
        row = await self._rpc.call("darkroom_job", p_task_id=task_id)
        return _row(row) if row else None

    async def jobs_of_session(self, session_id: str) -> list[JobRow]:
        """The rows of a session; more than one only if two products use the same id."""
        return _rows(await self._rpc.call("darkroom_jobs_of_session", p_session_id=session_id))

    async def recent(self, *, state: JobState | None = None, limit: int = 50) -> list[JobRow]:
        """The newest jobs, of one state where given."""
        return _rows(
            await self._rpc.call("darkroom_recent_jobs", p_state=state.value if state else None, p_limit=limit)
        )

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        """Keep payloads that could not be used and end the sessions they name; the credits given back."""
        rows = [letter.model_dump(mode="json", exclude={"id", "created_at"}) for letter in letters]
        return int(await self._rpc.call("darkroom_add_dead_letters", p_letters=rows, p_max_refund=self._max_refund))

    async def dead_letters(self, *, letter_id: int | None = None, limit: int = 50) -> Sequence[DeadLetter]:
        """The newest dead letters, or the one with that id."""
        return _parsed(DeadLetter, await self._rpc.call("darkroom_dead_letters_page", p_id=letter_id, p_limit=limit))

    async def letters_of(self, identifier: str) -> Sequence[DeadLetter]:
        """The newest dead letters that name a task or session of that id."""
        return _parsed(DeadLetter, await self._rpc.call("darkroom_letters_of", p_id=identifier))

    async def known_tasks(self, task_ids: Sequence[str]) -> set[str]:
        """Return those of `task_ids` that have a job."""
        return set(await self._rpc.call("darkroom_known_tasks", p_task_ids=list(task_ids)))

    async def reopen_letter(self, letter_id: int) -> Reopening:
        """Queue the failed session of a dead letter again and charge what it was refunded."""
        return Reopening(await self._rpc.call("darkroom_reopen_letter", p_id=letter_id))

    async def retry_refund(self, letter_id: int) -> int:
        """Try the refund of a dead letter again; return the credits refunded, 0 if it is refused once more."""
        return int(await self._rpc.call("darkroom_retry_refund", p_letter_id=letter_id))

    async def drop_dead_letter(self, letter_id: int) -> bool:
        """Forget a dead letter; false if there is none with that id."""
        return bool(await self._rpc.call("darkroom_drop_dead_letter", p_id=letter_id))

    async def purge_dead_letters(self, older_than_s: float) -> int:
        """Forget dead letters that have been kept for longer; how many."""
        return int(await self._rpc.call("darkroom_purge_dead_letters", p_older_s=older_than_s))

    async def job_counts(self) -> dict[str, float]:
        """Jobs per state, and `oldest_waiting_s`."""
        return dict(await self._rpc.call("darkroom_job_counts"))


def _rows(found: list[dict[str, Any]]) -> list[JobRow]:
    return [row for item in found if (row := _row(item)) is not None]


def _row(found: dict[str, Any]) -> JobRow | None:
    """Return the row, its contents empty where they are no objects; None for a row of an unknown product."""
    try:
        return JobRow.model_validate(
            found | {name: empty for name, empty in _CONTENTS.items() if not isinstance(found.get(name), dict)}
        )
    except ValidationError:
        ids = {name: found.get(name) for name in ("task_id", "session_id", "request_id", "product")}
        log.warning("row_not_understood", row="JobRow", **ids)
        return None


def _parsed(model: type[Row], found: list[dict[str, Any]]) -> list[Row]:
    rows = []
    for item in found:
        try:
            rows.append(model.model_validate(item))
        except ValidationError as error:
            log.warning("row_not_understood", row=model.__name__, faults=error.error_count())
    return rows
