from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from commands.check_supabase import DatabaseFinding, check_supabase
from commands.migrate import make_buckets
from pipelines.products import PRODUCTS
from providers.records.migrate import migrate
from tests.answering import Answering, page
from tests.supabase_emulator import local_supabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.supabase_emulator import LocalSupabase
    from tests.integration.commands.conftest import Cli

__all__ = ["local_supabase"]
BUCKETS = sorted({spec.bucket for spec in PRODUCTS.values()})


async def rows(url: str, key: str) -> dict[str, DatabaseFinding]:
    return {row.name: row for row in await check_supabase(url, key, BUCKETS, products=None, timeout_s=5)}


@pytest.fixture
def altered(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


async def test_the_check_passes_once_the_buckets_exist(local_supabase: LocalSupabase) -> None:
    address = (local_supabase.url, local_supabase.service_role_key)
    before = await rows(*address)
    assert [name for name, row in before.items() if not row.ok] == ["supabase buckets"]
    assert "migrate --buckets" in before["supabase buckets"].detail
    assert await make_buckets(*address) == BUCKETS
    after = await rows(*address)
    assert list(after) == [
        "supabase url",
        "supabase key",
        "supabase products",
        "supabase functions",
        "supabase credit functions",
        "supabase tables",
        "supabase indexes",
        "supabase required columns",
        "supabase allowed values",
        "supabase rights",
        "supabase credit rights",
        "supabase buckets",
    ]
    assert [row for row in after.values() if not row.ok] == []


async def test_a_public_key_is_distinguished_from_a_service_role_key(local_supabase: LocalSupabase) -> None:
    found = await rows(local_supabase.url, local_supabase.anon_key)
    assert found["supabase url"].ok
    assert not found["supabase key"].ok
    assert "not the service role's" in found["supabase key"].detail


async def test_every_fault_is_reported(local_supabase: LocalSupabase, altered: psycopg.Connection) -> None:
    altered.execute("alter function darkroom_ping rename to moved_ping")
    altered.execute("alter table images rename column width to breadth")
    altered.execute("grant execute on function darkroom_job_counts to anon")
    altered.execute("grant execute on function refund_credits to authenticated")
    altered.execute("alter function deduct_store_credits rename to moved_deduct")
    altered.execute("alter table images add column shelf integer not null")
    altered.execute("alter table audit_log add constraint words check (event_category in ('auth', 'data'))")
    altered.execute("alter table audit_log add constraint verbs check (action in ('create', 'read'))")
    altered.execute("update storage.buckets set public = true")
    found = await rows(local_supabase.url, local_supabase.service_role_key)
    altered.execute("alter function moved_ping rename to darkroom_ping")
    altered.execute("alter table images rename column breadth to width")
    altered.execute("revoke execute on function darkroom_job_counts from anon")
    altered.execute("revoke execute on function refund_credits from authenticated")
    altered.execute("alter function moved_deduct rename to deduct_store_credits")
    altered.execute("alter table images drop column shelf")
    altered.execute("alter table audit_log drop constraint words, drop constraint verbs")
    altered.execute("update storage.buckets set public = false")
    faults = {name: row.detail for name, row in found.items() if not row.ok}
    assert faults["supabase functions"].startswith("darkroom_ping: missing")
    assert faults["supabase tables"].startswith("images.width: missing")
    assert faults["supabase rights"].startswith("darkroom_job_counts: open")
    assert found["supabase credit rights"].detail.startswith("risk: anyone with the public key can call refund_credits")
    assert "revoke" not in str(found)
    assert faults["supabase required columns"].startswith("images.shelf: not null without a default")
    assert faults["supabase allowed values"].startswith(
        "audit_log: action 'generate', event_category 'image_generation'"
    )
    assert faults["supabase credit functions"].startswith("deduct_store_credits(payer")
    assert faults["supabase buckets"].startswith(f"{', '.join(BUCKETS)}: public")


async def test_without_migrations_the_message_names_the_command_to_run(
    local_supabase: LocalSupabase, altered: psycopg.Connection
) -> None:
    altered.execute("alter function darkroom_check rename to moved_check")
    found = await rows(local_supabase.url, local_supabase.service_role_key)
    altered.execute("alter function moved_check rename to darkroom_check")
    assert found["supabase key"].ok
    assert "run `python manage.py migrate` (functions/check.sql)" in found["supabase functions"].detail


async def test_an_unreachable_or_wrong_url_is_reported() -> None:
    async with Answering(page("404 Not Found", b"<html>", "text/html")) as other:
        found = await rows(other.url, "key")
        address = other.url
    assert "is not Supabase" in found["supabase url"].detail
    gone = await rows(address, "key")
    assert [row.ok for row in gone.values()] == [False, False]


def test_the_commands_create_buckets_and_show_the_table(
    cli: Cli, local_supabase: LocalSupabase, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database_url)
    monkeypatch.setenv("DATABASE_URL", "")
    code, data = cli("migrate", "--buckets")
    assert code == 1
    assert "SUPABASE_URL" in str(data)
    monkeypatch.setenv("SUPABASE_URL", local_supabase.url)
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", local_supabase.service_role_key)
    assert cli("migrate", "--buckets")[0] == 0
    code, data = cli("check")
    assert (code, data["faults"]) == (0, [])
    assert data["connections"]["supabase key"] == "has the role service_role"
    assert local_supabase.service_role_key not in str(data)
