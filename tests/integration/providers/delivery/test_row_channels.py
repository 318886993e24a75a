"""The channels that write rows: the web chat and the audit log; and the fake, which remembers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.products.avatar import APOLOGY
from providers.delivery.audit import AuditChannel
from providers.delivery.fake import FakeChannel
from providers.delivery.web import WebChannel
from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.outbox import Outbox
from providers.records.postgres import PostgresRpc
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.errors import Transient
from tests.contracts.a_delivery import a_delivery
from tests.contracts.delivery_channel import Bench, DeliveryChannelContract, goes_out

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.delivery import Delivery
    from tests.contracts.deliveries import Desk

AUDIT = {"user_id": "u1", "event_type": "photo_generated", "event_data": {"prompt": 'a "quoted" \\ scene\n' * 20}}


async def claimed(desk: Desk, announcement: OutboxMessage) -> Delivery:
    task_id = desk.ended_job()
    await desk.deliveries.enqueue(task_id, 3, [announcement])
    (found,) = await desk.deliveries.claim(limit=1, lease_s=60, task_id=task_id)
    return found


class TestWebChannel(DeliveryChannelContract):
    @pytest.fixture
    def bench(self, desk: Desk) -> Bench:
        channel = WebChannel(desk.deliveries)
        return Bench(channel, desk.claimed, lambda: int(desk.one("select count(*) from messages")))


class TestAuditChannel(DeliveryChannelContract):
    @pytest.fixture
    def bench(self, desk: Desk) -> Bench:
        announcement = OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message=AUDIT)
        return Bench(
            AuditChannel(desk.deliveries),
            lambda: claimed(desk, announcement),
            lambda: int(desk.one("select count(*) from audit_log")),
        )


class TestFakeChannel(DeliveryChannelContract):
    @pytest.fixture
    def bench(self) -> Bench:
        channel = FakeChannel(DeliveryChannel.WHATSAPP)

        async def new() -> Delivery:
            return a_delivery(DeliveryChannel.WHATSAPP)

        return Bench(channel, new, lambda: len(channel.sent))


async def test_a_photo_is_a_message_of_the_assistant_with_a_link(desk: Desk) -> None:
    user = desk.user()
    await WebChannel(desk.deliveries).deliver(await desk.claimed(user), on_sending=goes_out)
    found = desk.connection.execute("select user_id, channel, role, content from messages").fetchall()
    assert found == [(user, "web", "assistant", "[PHOTO]https://files.example/p.jpg?s=1[/PHOTO]")]


async def test_an_apology_is_its_plain_text(desk: Desk) -> None:
    message = {"user_id": "u1", "avatar_id": "a1", "text": APOLOGY}
    delivery = await claimed(
        desk, OutboxMessage(kind=DeliveryKind.APOLOGY, channel=DeliveryChannel.WEB, message=message)
    )
    await WebChannel(desk.deliveries).deliver(delivery, on_sending=goes_out)
    assert desk.connection.execute("select avatar_id, content from messages").fetchall() == [("a1", APOLOGY)]


async def test_an_audit_row_keeps_all_its_data(desk: Desk) -> None:
    delivery = await claimed(desk, OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message=AUDIT))
    await AuditChannel(desk.deliveries).deliver(delivery, on_sending=goes_out)
    assert desk.connection.execute("select event_data from audit_log").fetchall() == [(AUDIT["event_data"],)]


async def test_a_row_that_the_database_refuses_is_not_retryable(desk: Desk) -> None:
    delivery = await claimed(
        desk, OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message={"nonsense": 1})
    )
    with pytest.raises(DatabaseRefused) as refused:
        await AuditChannel(desk.deliveries).deliver(delivery, on_sending=goes_out)
    assert not refused.value.retryable


async def test_an_unavailable_database_is_retryable(tmp_path: Path) -> None:
    rpc = PostgresRpc(f"postgresql:///x?host={tmp_path}", timeout_s=0.2)
    with pytest.raises(DatabaseUnavailable) as away:
        await WebChannel(Outbox(rpc)).deliver(a_delivery(DeliveryChannel.WEB), on_sending=goes_out)
    await rpc.aclose()
    assert away.value.retryable


async def test_the_fake_fails_the_configured_number_of_times() -> None:
    channel = FakeChannel(DeliveryChannel.WHATSAPP, (Transient("first"),))
    with pytest.raises(Transient):
        await channel.deliver(a_delivery(DeliveryChannel.WHATSAPP), on_sending=goes_out)
    await channel.deliver(a_delivery(DeliveryChannel.WHATSAPP), on_sending=goes_out)
    assert len(channel.sent) == 1
