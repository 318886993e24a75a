"""Deliveries into a database whose tables have other types than ours: uuids, enums in capitals, checks, owners."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from structlog.testing import capture_logs

from devtools.supabase_emulator.database import SETUP
from providers.delivery.audit import AuditChannel
from providers.delivery.base import NotAccepted
from providers.delivery.web import WebChannel
from providers.records import PostgresRpc, Records
from providers.records.migrate import migrate
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from tests.contracts.deliveries import DeliveryDatabase, photo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from commands.local.embedded import Embedded

FIELD = Path(__file__).with_name("field.sql")


async def nothing() -> None:
    """Let the channel write."""


class FieldDesk(DeliveryDatabase):
    def user(self) -> str:
        return str(self.one("insert into profiles default values returning id"))


@pytest.fixture(scope="module")
def field_url(embedded: Embedded) -> Iterator[str]:
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute("create database field_deliveries")
        url = embedded.postgres.url_of("field_deliveries")
        with psycopg.connect(url) as inside:
            inside.execute(SETUP.read_bytes())
            inside.execute(FIELD.read_bytes())
        migrate(url)
        yield url
        connection.execute("drop database field_deliveries with (force)")


@pytest.fixture
async def database(field_url: str) -> AsyncIterator[DeliveryDatabase]:
    rpc = PostgresRpc(field_url)
    with psycopg.connect(field_url, autocommit=True) as connection:
        yield FieldDesk(connection, Records(rpc))
    await rpc.aclose()


async def test_a_message_uses_the_existing_tables_types_and_names(database: DeliveryDatabase) -> None:
    user = database.user()
    delivery = await database.claimed(user)
    await WebChannel(database.deliveries).deliver(delivery, on_sending=nothing)
    row = database.connection.execute(
        "select role::text, channel::text, content, avatar_id from messages where user_id = %s", [user]
    ).fetchall()
    assert row == [("assistant", "WEB", "[PHOTO]https://files.example/p.jpg?s=1[/PHOTO]", None)]


@pytest.mark.parametrize("avatar", ["00000000-0000-4000-8000-00000000dead", "no-uuid"])
async def test_a_photo_of_a_deleted_avatar_is_delivered(database: DeliveryDatabase, avatar: str) -> None:
    user = database.user()
    announcement = photo(user)
    gone = announcement.model_copy(update={"message": announcement.message | {"avatar_id": avatar}})
    await database.deliveries.enqueue(task_id := database.ended_job(user), 3, [gone])
    (delivery,) = await database.deliveries.claim(limit=1, lease_s=60, task_id=task_id)
    await WebChannel(database.deliveries).deliver(delivery, on_sending=nothing)
    row = database.connection.execute("select avatar_id, content from messages where user_id = %s", [user]).fetchone()
    assert row == (None, "[PHOTO]https://files.example/p.jpg?s=1[/PHOTO]")


async def test_an_incompatible_audit_log_is_reported_once(database: DeliveryDatabase) -> None:
    row = {"event_type": "photo_generated", "event_category": "image_generation", "action": "generate"}
    channel = AuditChannel(database.deliveries)
    with capture_logs() as logs:
        for _ in range(3):
            await database.deliveries.enqueue(
                task_id := database.ended_job(),
                3,
                [OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message=row)],
            )
            (delivery,) = await database.deliveries.claim(limit=1, lease_s=60, task_id=task_id)
            with pytest.raises(NotAccepted):
                await channel.deliver(delivery, on_sending=nothing)
    assert [entry["event"] for entry in logs] == ["audit_log_refuses_photos"]


async def test_the_row_of_an_image_job_is_read_with_any_column_types(database: DeliveryDatabase) -> None:
    workspace = database.one("insert into workspaces default values returning id")
    job_id = database.one(
        "insert into image_generation_jobs (id, workspace_id, style_id, created_at, updated_at)"
        " values (gen_random_uuid(), %s, 'tech', now(), now()) returning id",
        workspace,
    )
    found = await database.deliveries.images_job(str(job_id))
    assert found is not None
    assert (found.workspace_id, found.style_id, found.user_id) == (str(workspace), "tech", None)
    assert await database.deliveries.images_job("no-uuid") is None
