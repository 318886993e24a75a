"""Deliveries into a database whose tables have other types than ours: uuids, enums in capitals, checks, owners."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from providers.delivery.web import WebChannel
from providers.records import PostgresRpc, Records
from providers.records.migrate import migrate
from tests.contracts.deliveries import Desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from commands.local.embedded import Embedded

FIELD = Path(__file__).with_name("field.sql")


async def nothing() -> None:
    """Nothing goes out."""


class FieldDesk(Desk):
    def user(self) -> str:
        return str(self.one("insert into profiles default values returning id"))


@pytest.fixture(scope="module")
def field_url(embedded: Embedded) -> Iterator[str]:
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute("create database field_deliveries")
        url = embedded.postgres.url_of("field_deliveries")
        with psycopg.connect(url) as inside:
            inside.execute(FIELD.read_bytes())
        migrate(url)
        yield url
        connection.execute("drop database field_deliveries with (force)")


@pytest.fixture
async def desk(field_url: str) -> AsyncIterator[Desk]:
    rpc = PostgresRpc(field_url)
    with psycopg.connect(field_url, autocommit=True) as connection:
        yield FieldDesk(connection, Records(rpc))
    await rpc.aclose()


async def test_a_message_takes_the_fields_types_and_cases(desk: Desk) -> None:
    user = desk.user()
    delivery = await desk.claimed(user)
    await WebChannel(desk.deliveries).deliver(delivery, on_sending=nothing)
    row = desk.connection.execute(
        "select role::text, channel::text, content, avatar_id from messages where user_id = %s", [user]
    ).fetchall()
    assert row == [("assistant", "WEB", "[PHOTO]https://files.example/p.jpg?s=1[/PHOTO]", None)]


async def test_the_row_of_an_image_job_is_read_whatever_its_types(desk: Desk) -> None:
    workspace = desk.one("insert into workspaces default values returning id")
    job_id = desk.one(
        "insert into image_generation_jobs (workspace_id, style_id) values (%s, 'tech') returning id", workspace
    )
    found = await desk.deliveries.images_job(str(job_id))
    assert found is not None
    assert (found.workspace_id, found.style_id, found.user_id) == (str(workspace), "tech", None)
    assert await desk.deliveries.images_job("no-uuid") is None
