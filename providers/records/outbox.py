"""The transactional outbox: deliveries of finished jobs. Every method is one SQL function and one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from providers.records.base import Rpc
from schemas.delivery import Delivery, DeliveryChannel, ImagesJob, OutboxMessage, Webhook

#: Maximum number of deliveries of one owner through one channel that are claimed at a time, by all workers together: a
#: receiver that does not answer delays only its owner.
OWNER_SHARE = 16

Change = Literal["set", "rotate", "disable", "drop"]


class Outbox:
    """Deliveries and webhooks.

    Every method raises `DatabaseUnavailable`, which may pass, or `DatabaseRefused`, which does not. Methods that take a
    delivery return False and change nothing once another dispatcher has claimed it.
    """

    def __init__(self, rpc: Rpc) -> None:
        """Call functions through `rpc`, which the caller closes."""
        self._rpc = rpc

    async def enqueue(self, task_id: str, token: int, messages: Sequence[OutboxMessage]) -> int:
        """Enqueue the deliveries of an ended job and release it; return how many are new."""
        items = [item.model_dump(mode="json") for item in messages]
        return int(
            await self._rpc.call("darkroom_enqueue_deliveries", p_task_id=task_id, p_token=token, p_deliveries=items)
        )

    async def claim(
        self,
        *,
        limit: int,
        lease_s: float,
        task_id: str | None = None,
        channels: Mapping[DeliveryChannel, int] | None = None,
    ) -> list[Delivery]:
        """Claim due deliveries; one that is not settled within `lease_s` seconds is due again.

        Args:
            limit: Maximum number.
            lease_s: Duration of a claim, seconds.
            task_id: The only task whose deliveries are claimed; None for all tasks.
            channels: Maximum number of each channel; `limit` for a channel that is missing.
        """
        found = await self._rpc.call(
            "darkroom_claim_deliveries",
            p_task_id=task_id,
            p_limit=limit,
            p_lease_s=float(lease_s),
            p_share=OWNER_SHARE,
            p_channels={channel.value: number for channel, number in (channels or {}).items()},
        )
        return [Delivery.model_validate(row) for row in found]

    async def mark_sending(self, delivery: Delivery) -> bool:
        """Record that sending starts and can't be undone; return whether the claim still holds."""
        return bool(await self._rpc.call("darkroom_mark_delivery_sending", p_id=delivery.id, p_claim=delivery.claim))

    async def mark_sent(self, delivery: Delivery, code: str | None = None) -> bool:
        """Record that the delivery was sent; `code` says why that is uncertain."""
        return await self._settle(delivery, "sent", code, "", 0.0)

    async def reschedule(self, delivery: Delivery, code: str, delay_s: float) -> bool:
        """Make the delivery due again in `delay_s` seconds."""
        return await self._settle(delivery, "due", code, "", delay_s)

    async def mark_dead(self, delivery: Delivery, code: str, reason: str) -> bool:
        """Give the delivery up and keep it as a dead letter."""
        return await self._settle(delivery, "dead", code, reason, 0.0)

    async def write_row(self, delivery: Delivery, table: Literal["messages", "audit_log"], row: dict[str, Any]) -> bool:
        """Deliver by writing a row of this database; the row and the mark as sent are one transaction."""
        return bool(
            await self._rpc.call(
                "darkroom_deliver_row", p_id=delivery.id, p_claim=delivery.claim, p_table=table, p_row=row
            )
        )

    async def retry_dead(self, delivery_id: int) -> bool:
        """Make a dead delivery due again, with all its attempts; return False if it is not dead."""
        return bool(await self._rpc.call("darkroom_retry_dead_delivery", p_id=delivery_id))

    async def for_task(self, task_id: str) -> list[Delivery]:
        """Return the deliveries of a task, oldest first."""
        found = await self._rpc.call("darkroom_deliveries_of", p_task_id=task_id)
        return [Delivery.model_validate(row) for row in found]

    async def whatsapp_phone(self, user_id: str) -> str | None:
        """Return the phone number of a user as they typed it; None if there is none."""
        found = await self._rpc.call("darkroom_whatsapp_phone", p_user_id=user_id)
        return str(found) if found else None

    async def webhook(self, owner_id: str, change: Change | None = None, url: str | None = None) -> Webhook | None:
        """Return the webhook of an owner, after `change` if given; None if there is none."""
        row = await self._rpc.call("darkroom_webhook", p_owner_id=owner_id, p_change=change, p_url=url)
        return Webhook.model_validate(row) if row else None

    async def images_job(self, job_id: str) -> ImagesJob | None:
        """Return the producer's row of a batch; None if there is none."""
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
