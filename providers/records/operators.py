"""Commands of operators. Every method is one SQL function and one transaction."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from providers.records.base import Rpc
from schemas.common import Payload, Product


class NewSession(StrEnum):
    """Result of creating a session."""

    CREATED = "created"
    EXISTS = "exists"
    UNKNOWN_ID = "unknown_id"
    INCOMPLETE = "incomplete"
    NO_TABLE = "no_table"


class Grant(StrEnum):
    """Result of adding credits."""

    ADDED = "added"
    UNKNOWN_ID = "unknown_id"
    NO_TYPE = "no_type"


class Granted(Payload):
    """Whether credits were added, and the balance then, credits."""

    outcome: Grant
    balance: int


class Credits(Payload):
    """Balance and totals of an owner, credits; None for a total that the database does not keep."""

    balance: int | None = None
    total_earned: int | None = None
    total_purchased: int | None = None
    total_spent: int | None = None


class Operators:
    """Sessions and credits, for operators. Every method raises `DatabaseUnavailable` or `DatabaseRefused`."""

    def __init__(self, rpc: Rpc) -> None:
        """Call functions through `rpc`, which the caller closes."""
        self._rpc = rpc

    async def new_session(
        self, product: Product, channel: str, *, owner_id: str, session_id: str, columns: dict[str, Any]
    ) -> NewSession:
        """Create a queued session with further `columns` of its row; nothing is charged for it."""
        return NewSession(
            await self._rpc.call(
                "darkroom_new_session",
                p_product=product.value,
                p_channel=channel,
                p_owner_id=owner_id,
                p_session_id=session_id,
                p_columns=columns,
            )
        )

    async def credits(self, channel: str, owner_id: str) -> Credits | None:
        """Return the credits of an owner; None if the database has no balance of that owner."""
        row = await self._rpc.call("darkroom_owner_credits", p_channel=channel, p_owner_id=owner_id)
        return Credits.model_validate(row) if row else None

    async def add_credits(self, channel: str, owner_id: str, amount: int, *, request_id: str, reason: str) -> Granted:
        """Give an owner `amount` credits, at least 1; the database's own ledger keeps the `reason`."""
        return Granted.model_validate(
            await self._rpc.call(
                "darkroom_add_credits",
                p_channel=channel,
                p_owner_id=owner_id,
                p_amount=amount,
                p_request_id=request_id,
                p_reason=reason,
            )
        )
