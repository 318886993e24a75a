"""Orders and sessions of the HTTP service. Every method is one SQL function and one transaction."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from providers.records.base import Rpc
from schemas.common import JobState, Product
from schemas.errors import Cancelled
from schemas.http import Session, Stats

#: The state of a session's job, by the status of the session.
_STATES = {"queued": JobState.WAITING, "processing": JobState.RUNNING, "completed": JobState.COMPLETED}


class Outcome(StrEnum):
    """Result of placing an order."""

    CREATED = "created"
    REPLAYED = "replayed"
    CONFLICT = "conflict"
    NO_CREDITS = "no_credits"
    UNKNOWN_ID = "unknown_id"
    PRODUCT_OFF = "product_off"


class Order(BaseModel):
    """An order to write to the database.

    Attributes:
        client: Name of the API token; idempotency keys are unique per token.
        fingerprint: Digest of the request, to detect an idempotency key used for another request.
        payload: The task, for products without a session table.
        answer: Body of the answer, also for a repeated call, without links: they are signed for each answer.
    """

    model_config = ConfigDict(frozen=True)

    task_id: str
    client: str
    idempotency_key: str | None
    fingerprint: str
    product: Product
    channel: str
    session_id: str
    owner_id: str
    user_id: str | None
    request_id: str
    payload: dict[str, Any] | None
    answer: dict[str, Any]


class OrderResult(BaseModel):
    """The result of placing an order.

    Attributes:
        answer: The first answer, for a repeated call.
        arrived: Whether the task of a repeated call has a job.
        balance: Credits of the payer, where they do not cover the price.
        payer: The kind of payer, where the credits do not cover the price; `shopper` for a customer of a store that
            resells credits.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    answer: dict[str, Any] | None = None
    arrived: bool = False
    balance: int = 0
    payer: Literal["user", "store", "shopper"] | None = None


class LostOrder(BaseModel):
    """An order whose task never arrived."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    product: Product
    session_id: str


class LiveSession(BaseModel):
    """The product and channel of a queued or running session."""

    model_config = ConfigDict(frozen=True)

    product: Product
    channel: str


class OrderCancellation(BaseModel):
    """Whether an order has ended, and the credits that this call refunded."""

    model_config = ConfigDict(frozen=True)

    ended: bool
    refunded: int


class StoredPicture(BaseModel):
    """Location of a finished picture.

    Attributes:
        path: The path inside its product's bucket; None for a picture that Darkroom did not store.
        url: The link signed at completion, which expires after some hours.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: str | None = None
    url: str | None = None


class TaskSummary(BaseModel):
    """State of a task.

    Attributes:
        product: None for an unusable payload.
        owner_id: None for an unusable payload.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    product: Product | None
    session_id: str
    owner_id: str | None
    user_id: str | None = None
    state: JobState
    run: int
    token: int
    outcome: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    finished_at: AwareDatetime | None = None

    @property
    def pictures(self) -> tuple[StoredPicture, ...]:
        """The pictures of a completed task."""
        return tuple(StoredPicture.model_validate(item) for item in (self.outcome or {}).get("pictures", ()))


class SessionRow(Session):
    """A stored session.

    Attributes:
        at: Sort key for pages.
        picture_path: The path of its picture inside the bucket; None if Darkroom did not store one.
    """

    at: str
    picture_path: str | None = None

    def shown(self, generated_image_url: str | None) -> Session:
        """Return the session as callers see it, with a fresh link to its picture."""
        fields = self.model_dump(exclude={"at", "picture_path"})
        return Session.model_validate(fields | {"generated_image_url": generated_image_url})


class Orders:
    """Orders and sessions. Every method raises `DatabaseUnavailable` or `DatabaseRefused`."""

    def __init__(self, rpc: Rpc) -> None:
        """Call functions through `rpc`, which the caller closes."""
        self._rpc = rpc

    async def place_order(self, order: Order, session: dict[str, Any], price: int) -> OrderResult:
        """Charge `price` credits and create the session with these columns, or do neither."""
        found = await self._rpc.call(
            "darkroom_place_order", p_request=order.model_dump(mode="json"), p_session=session, p_price=price
        )
        return OrderResult.model_validate(found)

    async def cancel_order(self, task_id: str, message: str) -> OrderCancellation:
        """End the session with `message` and refund it, unless its task has a job."""
        found = await self._rpc.call("darkroom_cancel_order", p_task_id=task_id, p_message=message)
        return OrderCancellation.model_validate(found)

    async def lost_orders(self, *, older_than_s: float, limit: int = 500) -> list[LostOrder]:
        """Return orders older than `older_than_s` seconds without a job, oldest first."""
        found = await self._rpc.call("darkroom_lost_orders", p_older_s=older_than_s, p_limit=limit)
        return [LostOrder.model_validate(row) for row in found]

    async def tasks(self, task_ids: list[str]) -> dict[str, TaskSummary]:
        """Return summaries by task id, without unknown tasks."""
        found = await self._rpc.call("darkroom_tasks", p_task_ids=task_ids)
        return {task_id: TaskSummary.model_validate(facts) for task_id, facts in found.items()}

    async def find(self, session_id: str, owner_id: str | None) -> SessionRow | None:
        """Return a session of `owner_id`, or of any owner if None; None if there is none."""
        rows = await self._select(session_id=session_id, owner_id=owner_id, limit=1)
        return rows[0] if rows else None

    async def page(
        self,
        *,
        channel: str | None,
        owner_id: str | None,
        status: str | None,
        limit: int,
        after: tuple[str, str] | None,
    ) -> list[SessionRow]:
        """Return the newest sessions after the position `after`: `at` and `session_id`."""
        after_at, after_id = after or (None, None)
        return await self._select(
            channel=channel, owner_id=owner_id, status=status, limit=limit, after_at=after_at, after_id=after_id
        )

    async def live_sessions(self, session_id: str) -> list[LiveSession]:
        """Return the queued and running sessions of this id."""
        found = await self._rpc.call("darkroom_live_sessions", p_session_id=session_id)
        return [LiveSession.model_validate(row) for row in found]

    async def stats(self, *, channel: str | None, owner_id: str | None) -> Stats:
        """Return the number of sessions by status."""
        query = {"channel": channel, "owner_id": owner_id}
        return Stats.model_validate(await self._rpc.call("darkroom_session_stats", p_query=query))

    async def ping(self) -> None:
        """Check that the database answers."""
        await self._rpc.call("darkroom_ping")

    async def _select(self, **query: Any) -> list[SessionRow]:
        rows = await self._rpc.call("darkroom_sessions", p_query=query)
        return [_session(row) for row in rows]


def _session(row: dict[str, Any]) -> SessionRow:
    word = str(row["status"]).lower()
    status = "queued" if word == "pending" else word
    fields = row | {"session_id": row["id"], "status": status}
    if status != "failed":
        return SessionRow.model_validate(fields | {"state": _STATES.get(status), "code": None})
    code = row["failure_code"]
    if code is None and row.get("error_message") == Cancelled().public_message:
        # A session that was cancelled before its task arrived has no job to read the code from.
        code = Cancelled.code
    cancelled = row["job_state"] == JobState.CANCELLED or code == Cancelled.code
    return SessionRow.model_validate(
        fields | {"state": JobState.CANCELLED if cancelled else JobState.FAILED, "code": code}
    )
