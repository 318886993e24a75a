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
from tests.contracts.delivery_channel import ChannelSetup, DeliveryChannelContract, allow_sending
from tests.contracts.sample_delivery import sample_delivery

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.delivery import Delivery
    from tests.contracts.deliveries import DeliveryDatabase

AUDIT = {"user_id": "u1", "event_type": "photo_generated", "event_data": {"prompt": 'a "quoted" \\ scene\n' * 20}}


async def claimed(database: DeliveryDatabase, announcement: OutboxMessage) -> Delivery:
    task_id = database.ended_job()
    await database.deliveries.enqueue(task_id, 3, [announcement])
    (found,) = await database.deliveries.claim(limit=1, lease_s=60, task_id=task_id)
    return found


class TestWebChannel(DeliveryChannelContract):
    @pytest.fixture
    def setup(self, database: DeliveryDatabase) -> ChannelSetup:
        channel = WebChannel(database.deliveries)
        return ChannelSetup(channel, database.claimed, lambda: int(database.one("select count(*) from messages")))


class TestAuditChannel(DeliveryChannelContract):
    @pytest.fixture
    def setup(self, database: DeliveryDatabase) -> ChannelSetup:
        announcement = OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message=AUDIT)
        return ChannelSetup(
            AuditChannel(database.deliveries),
            lambda: claimed(database, announcement),
            lambda: int(database.one("select count(*) from audit_log")),
        )


class TestFakeChannel(DeliveryChannelContract):
    @pytest.fixture
    def setup(self) -> ChannelSetup:
        channel = FakeChannel(DeliveryChannel.WHATSAPP)

        async def new() -> Delivery:
            return sample_delivery(DeliveryChannel.WHATSAPP)

        return ChannelSetup(channel, new, lambda: len(channel.sent))


async def test_a_photo_is_a_message_of_the_assistant_with_a_link(database: DeliveryDatabase) -> None:
    user = database.user()
    await WebChannel(database.deliveries).deliver(await database.claimed(user), on_sending=allow_sending)
    found = database.connection.execute("select user_id, channel, role, content from messages").fetchall()
    assert found == [(user, "web", "assistant", "[PHOTO]https://files.example/p.jpg?s=1[/PHOTO]")]


async def test_an_apology_is_its_plain_text(database: DeliveryDatabase) -> None:
    message = {"user_id": "u1", "avatar_id": "a1", "text": APOLOGY}
    delivery = await claimed(
        database, OutboxMessage(kind=DeliveryKind.APOLOGY, channel=DeliveryChannel.WEB, message=message)
    )
    await WebChannel(database.deliveries).deliver(delivery, on_sending=allow_sending)
    assert database.connection.execute("select avatar_id, content from messages").fetchall() == [("a1", APOLOGY)]


async def test_an_audit_row_keeps_all_its_data(database: DeliveryDatabase) -> None:
    delivery = await claimed(
        database, OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message=AUDIT)
    )
    await AuditChannel(database.deliveries).deliver(delivery, on_sending=allow_sending)
    assert database.connection.execute("select event_data from audit_log").fetchall() == [(AUDIT["event_data"],)]


async def test_a_row_that_the_database_refuses_is_not_retryable(database: DeliveryDatabase) -> None:
    delivery = await claimed(
        database, OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message={"nonsense": 1})
    )
    with pytest.raises(DatabaseRefused) as refused:
        await AuditChannel(database.deliveries).deliver(delivery, on_sending=allow_sending)
    assert not refused.value.retryable


async def test_an_unavailable_database_is_retryable(tmp_path: Path) -> None:
    rpc = PostgresRpc(f"postgresql:///x?host={tmp_path}", timeout_s=0.2)
    with pytest.raises(DatabaseUnavailable) as away:
        await WebChannel(Outbox(rpc)).deliver(sample_delivery(DeliveryChannel.WEB), on_sending=allow_sending)
    await rpc.aclose()
    assert away.value.retryable


async def test_the_fake_fails_the_configured_number_of_times() -> None:
    channel = FakeChannel(DeliveryChannel.WHATSAPP, (Transient("first"),))
    with pytest.raises(Transient):
        await channel.deliver(sample_delivery(DeliveryChannel.WHATSAPP), on_sending=allow_sending)
    await channel.deliver(sample_delivery(DeliveryChannel.WHATSAPP), on_sending=allow_sending)
    assert len(channel.sent) == 1
