"""Jobs, sessions and credits. Every method is one SQL function and one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from providers.records.base import Rpc
from providers.records.operators import Operators
from providers.records.orders import Orders
from providers.records.outbox import Outbox
from providers.records.retention import RetentionRecords
from providers.records.rows import KNOWN_PRODUCTS, job_row, job_rows, readable
from providers.records.size_feedback import SizeFeedbackRecords
from providers.records.workers import Workers
from schemas.common import JobState, Product
from schemas.delivery import OutboxMessage
from schemas.job import Failure
from schemas.records import (
    CompletionResult,
    DeadLetter,
    JobRow,
    NewTask,
    Orphan,
    Reopening,
    Replay,
    SettlementResult,
    Verdict,
)


class Records:
    """Jobs, sessions and credits.

    Every method raises `DatabaseUnavailable`, which may pass, or `DatabaseRefused`, which does not. Methods that take a
    `token` change nothing once another worker owns the job, and their result says so.
    """

    def __init__(self, rpc: Rpc, *, max_refund_credits: int = 1) -> None:
        """Call functions through `rpc`; refund at most `max_refund_credits` of charges that are not in our ledger."""
        self._rpc = rpc
        self._max_refund = max_refund_credits
        #: Deliveries, through the same connections.
        self.outbox = Outbox(rpc)
        #: Workers and their claims, through the same connections.
        self.workers = Workers(rpc)
        #: Orders over HTTP, through the same connections.
        self.orders = Orders(rpc)
        #: Commands of operators, through the same connections.
        self.operators = Operators(rpc)
        #: Deletion of old rows, through the same connections.
        self.retention = RetentionRecords(rpc)
        #: Feedback on recommended sizes, through the same connections.
        self.size_feedback = SizeFeedbackRecords(rpc)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._rpc.aclose()

    async def accept(self, tasks: Sequence[NewTask]) -> dict[str, Verdict]:
        """Create a waiting job for each task; return the verdict by task id."""
        rows = [task.model_dump(mode="json") for task in tasks]
        found = await self._rpc.call("darkroom_accept", p_tasks=rows, p_max_refund=self._max_refund)
        return {task_id: Verdict(verdict) for task_id, verdict in found.items()}

    async def dispatch(self, *, limit: int, max_in_flight: int, lease_s: float) -> list[JobRow]:
        """Dispatch at most `limit` waiting jobs, fairly between owners, while fewer than `max_in_flight` are in flight.

        A job that is not claimed within `lease_s` seconds is lost. Jobs of unknown products are left to workers that
        know them.
        """
        return job_rows(
            await self._rpc.call(
                "darkroom_dispatch",
                p_limit=limit,
                p_max_in_flight=max_in_flight,
                p_lease_s=lease_s,
                p_products=KNOWN_PRODUCTS,
            )
        )

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
        """Write data that must survive a crash; return False if another worker owns the job or it has ended."""
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
        """Set the session to queued with `message` while the job waits; None sets it to processing."""
        return bool(
            await self._rpc.call("darkroom_mark_rate_limited", p_task_id=task_id, p_token=token, p_message=message)
        )

    async def postpone(self, task_id: str, token: int, delay_s: float, message: str) -> bool:
        """Make a running job wait again, for `delay_s` seconds; its session is queued with `message`."""
        return bool(
            await self._rpc.call(
                "darkroom_postpone", p_task_id=task_id, p_token=token, p_delay_s=delay_s, p_message=message
            )
        )

    async def session_progress(self, task_id: str, token: int, progress: int) -> bool:
        """Set the progress of a batch in its session, 0 to 100."""
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
        deliveries: Sequence[OutboxMessage],
    ) -> CompletionResult:
        """Complete the job: result, session, picture rows, state and deliveries, in one transaction."""
        return CompletionResult.model_validate(
            await self._rpc.call(
                "darkroom_complete",
                p_task_id=task_id,
                p_token=token,
                p_outcome=outcome,
                p_session=session,
                p_images=images,
                p_deliveries=[item.model_dump(mode="json") for item in deliveries],
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
        """End a waiting or running job and its session, and refund its charge exactly once.

        The caller enqueues `notify`, which has to be claimed within `lease_s` seconds.
        """
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
        """End and refund a session without a live job."""
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
        """Return live sessions older than `older_than_s` seconds that have no job."""
        found = await self._rpc.call("darkroom_orphans", p_older_s=older_than_s, p_limit=limit)
        return readable(Orphan, found)

    async def replay(self, task_id: str) -> Replay:
        """Start a new run of a failed or cancelled job and charge it again."""
        return Replay(await self._rpc.call("darkroom_replay", p_task_id=task_id))

    async def job(self, task_id: str) -> JobRow | None:
        """Return the job of a task; None if there is none."""
        row = await self._rpc.call("darkroom_job", p_task_id=task_id)
        return job_row(row) if row else None

    async def jobs_of_session(self, session_id: str) -> list[JobRow]:
        """Return the jobs of a session; more than one only if two products use the same id."""
        return job_rows(await self._rpc.call("darkroom_jobs_of_session", p_session_id=session_id))

    async def recent(self, *, state: JobState | None = None, limit: int = 50) -> list[JobRow]:
        """Return the newest jobs, of one state if given."""
        return job_rows(
            await self._rpc.call("darkroom_recent_jobs", p_state=state.value if state else None, p_limit=limit)
        )

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> int:
        """Store unusable payloads and end the sessions they name, one transaction each; return the credits refunded."""
        kept = [_letter(letter) for letter in letters if not letter.ends_session]
        if kept:
            await self._rpc.call("darkroom_add_dead_letters", p_letters=kept)
        refunded = 0
        for letter in letters:
            if letter.ends_session:
                refunded += await self._rpc.call(
                    "darkroom_refuse_task",
                    p_letter=_letter(letter),
                    p_message=letter.message,
                    p_max_refund=self._max_refund,
                )
        return refunded

    async def dead_letters(self, *, letter_id: int | None = None, limit: int = 50) -> Sequence[DeadLetter]:
        """Return the newest dead letters, or the one with that id."""
        return readable(DeadLetter, await self._rpc.call("darkroom_dead_letters_page", p_id=letter_id, p_limit=limit))

    async def dead_letters_of(self, identifier: str) -> Sequence[DeadLetter]:
        """Return the newest dead letters that name a task or session of that id."""
        return readable(DeadLetter, await self._rpc.call("darkroom_letters_of", p_id=identifier))

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
        """Delete a dead letter; return False if there is none with that id."""
        return bool(await self._rpc.call("darkroom_drop_dead_letter", p_id=letter_id))

    async def trim_dead_letters(self, list_name: str, *, keep: int) -> int:
        """Delete the oldest dead letters of a list beyond the newest `keep`; return how many."""
        return int(await self._rpc.call("darkroom_trim_dead_letters", p_list=list_name, p_keep=keep))

    async def job_counts(self) -> dict[str, float]:
        """Return the number of jobs by state, and `oldest_waiting_s`."""
        return dict(await self._rpc.call("darkroom_job_counts"))


def _letter(letter: DeadLetter) -> dict[str, Any]:
    """Return the row of a new dead letter."""
    return letter.model_dump(mode="json", exclude={"id", "created_at", "message"})
