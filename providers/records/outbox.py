"""What is still to be said about jobs that have ended; every method is one SQL function and one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from providers.records.base import Rpc
from schemas.delivery import Delivery, ImagesJob, OutboxMessage, Webhook

Change = Literal["set", "rotate", "disable", "drop"]


class Outbox:
    """Deliveries and webhooks.

    Every method raises `DatabaseUnavailable` (worth trying again) or `DatabaseRefused` (not). Methods that take a
    delivery change nothing and say so when its claim is no longer the newest.
    """

    def __init__(self, rpc: Rpc) -> None:
        """Work through `rpc`, which belongs to somebody else."""
        self._rpc = rpc

    async def enqueue(self, task_id: str, token: int, announcements: Sequence[OutboxMessage]) -> int:
        """Close the books of an ended job and take over what is to be said; how many are new."""
        items = [item.model_dump(mode="json") for item in announcements]
        return int(
            await self._rpc.call("darkroom_enqueue_deliveries", p_task_id=task_id, p_token=token, p_deliveries=items)
        )

    async def claim(self, *, limit: int, lease_s: float, task_id: str | None = None) -> list[Delivery]:
        """Take what is due, of one task where given; what is not settled within `lease_s` is due again."""
        found = await self._rpc.call(
            "darkroom_claim_deliveries", p_task_id=task_id, p_limit=limit, p_lease_s=float(lease_s)
        )
        return [Delivery.model_validate(row) for row in found]

    async def sending(self, delivery: Delivery) -> bool:
        """Write down that it goes out now and can't be taken back."""
        return bool(await self._rpc.call("darkroom_mark_delivery_sending", p_id=delivery.id, p_claim=delivery.claim))

    async def sent(self, delivery: Delivery, code: str | None = None) -> bool:
        """It was said; `code` where that is not certain."""
        return await self._settle(delivery, "sent", code, "", 0.0)

    async def again(self, delivery: Delivery, code: str, delay_s: float) -> bool:
        """It is due again in `delay_s` seconds."""
        return await self._settle(delivery, "due", code, "", delay_s)

    async def give_up(self, delivery: Delivery, code: str, reason: str) -> bool:
        """It can't be said: a dead letter keeps it."""
        return await self._settle(delivery, "dead", code, reason, 0.0)

    async def write_row(self, delivery: Delivery, table: Literal["messages", "audit_log"], row: dict[str, Any]) -> bool:
        """Say it by a row of this database; written and marked as sent in one transaction."""
        return bool(
            await self._rpc.call(
                "darkroom_deliver_row", p_id=delivery.id, p_claim=delivery.claim, p_table=table, p_row=row
            )
        )

    async def retry_dead(self, delivery_id: int) -> bool:
        """Try a dead delivery again from the start; false if it is not dead."""
        return bool(await self._rpc.call("darkroom_retry_dead_delivery", p_id=delivery_id))

    async def purge(self, older_than_s: float) -> int:
        """Forget what was said or given up longer ago; how many."""
        return int(await self._rpc.call("darkroom_purge_deliveries", p_older_s=float(older_than_s)))

    async def of_task(self, task_id: str) -> list[Delivery]:
        """Everything that was said or is to be said about a task, oldest first."""
        found = await self._rpc.call("darkroom_deliveries_of", p_task_id=task_id)
        return [Delivery.model_validate(row) for row in found]

    async def whatsapp_phone(self, user_id: str) -> str | None:
        """The phone number that a user left, as it was typed."""
        found = await self._rpc.call("darkroom_whatsapp_phone", p_user_id=user_id)
        return str(found) if found else None

    async def webhook(self, owner_id: str, change: Change | None = None, url: str | None = None) -> Webhook | None:
        """An owner's webhook, changed where asked for."""
        row = await self._rpc.call("darkroom_webhook", p_owner_id=owner_id, p_change=change, p_url=url)
        return Webhook.model_validate(row) if row else None

    async def images_job(self, job_id: str) -> ImagesJob | None:
        """The row of an image job that its caller created."""
        row = await self._rpc.call("darkroom_images_job", p_job_id=job_id)
        return ImagesJob.model_validate(row) if row else None

    async def _settle(self, delivery: Delivery, state: str, code: str | None, reason: str, delay_s: float) -> bool:
        return bool(
            await self._rpc.call(
                "darkroom_settle_delivery",
                p_id=delivery.id,
                p_claim=delivery.claim,
                p_state=state,
                p_code=code,
                p_reason=reason,
                p_delay_s=float(delay_s),
            )
        )
