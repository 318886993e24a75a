"""A database that was there before us keeps working, and Darkroom works in it."""

from __future__ import annotations

import asyncio
import re
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from devtools.supabase_emulator import LocalSupabase
from devtools.supabase_emulator.database import SETUP, prepare
from providers.records import PostgresRpc, Records, Rpc
from providers.records.base import DatabaseRefused
from providers.records.migrate import SCHEMAS, migrate, migrations, script
from providers.records.operators import Grant, Granted, NewSession
from providers.records.orders import Order, Outcome
from providers.records.supabase import SupabaseRpc
from schemas.common import Product
from schemas.records import DeadLetter, Replay, SettlementResult, Verdict
from tests.contracts.database_fixture import FAILURE, LEASE_S, World, images, tryon
from tests.contracts.operators import add, new_session
from tests.contracts.record_steps import complete, start
from tests.contracts.records import RecordsContract
from tests.database_locks import locked, wait_for_lock_waits
from tests.integration.providers.records.catalog import catalog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from commands.local.embedded import Embedded

FIELD = Path(__file__).with_name("field.sql")
#: Tables that the field's database does not have.
MADE_HERE = re.compile("user_preferences")
OLD_USER = "00000000-0000-4000-8000-000000000001"


def refused(store_id: str, session_id: str) -> DeadLetter:
    return DeadLetter(
        list="wearon:tasks:generation", code="invalid", reason="invalid", payload="{}", product=Product.TRYON,
        channel="b2b", session_id=session_id, owner_id=store_id, message="The task was not valid.",
    )  # fmt: skip


class FieldWorld(World):
    """Owners are rows of their own here, and ledgers have their own words."""

    def empty(self) -> None:
        self.connection.execute("truncate profiles, stores, workspaces, seen cascade")
        super().empty()

    def user(self, balance: int) -> str:
        user_id = str(self.one("insert into profiles default values returning id"))
        self.connection.execute("insert into user_credits (user_id, balance) values (%s, %s)", [user_id, balance])
        return user_id

    def store(self, balance: int) -> str:
        store_id = str(self.one("insert into stores default values returning id"))
        self.connection.execute("insert into store_credits (store_id, balance) values (%s, %s)", [store_id, balance])
        return store_id

    def workspace(self) -> str:
        return str(self.one("insert into workspaces default values returning id"))

    def reselling_store(self, shopper: str, *, balance: int) -> str:
        store_id = self.store(0)
        self.connection.execute("update stores set billing_mode = 'resell_mode' where id = %s", [store_id])
        self.connection.execute(
            "insert into store_shopper_credits (store_id, shopper_email, balance) values (%s, %s, %s)",
            [store_id, shopper, balance],
        )
        return store_id

    def shopper_balance(self) -> int:
        return int(self.one("select balance from store_shopper_credits"))

    def image_job(self, workspace_id: str) -> str:
        self.connection.execute("insert into workspaces values (%s) on conflict do nothing", [workspace_id])
        return super().image_job(workspace_id)

    def refunds(self) -> int:
        return int(self.one("select count(*) from credit_transactions where type = 'generation_refund'"))

    def seen(self) -> list[tuple[str, str | None]]:
        rows = self.connection.execute("select status, error_message from seen order by n").fetchall()
        return [(row[0], row[1]) for row in rows]


def order(store_id: str) -> Order:
    return Order(
        task_id=str(uuid.uuid4()),
        client="test",
        idempotency_key=None,
        fingerprint="",
        product=Product.TRYON,
        channel="b2b",
        session_id=str(uuid.uuid4()),
        owner_id=store_id,
        user_id=None,
        request_id="req_1",
        payload=None,
        answer={},
    )


@pytest.fixture(scope="module")
def bare_url(embedded: Embedded) -> Iterator[str]:
    """A database with Supabase's roles and the field's tables, which no migration has seen."""
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute("create database field")
        url = embedded.postgres.url_of("field")
        with psycopg.connect(url) as inside:
            inside.execute(SETUP.read_bytes())
            inside.execute(FIELD.read_bytes())
        yield url
        connection.execute("drop database field with (force)")


@pytest.fixture(scope="module")
def before(bare_url: str) -> dict[str, set[str]]:
    with psycopg.connect(bare_url) as connection:
        return catalog(connection)


@pytest.fixture(scope="module")
def field_url(bare_url: str, before: dict[str, set[str]]) -> str:
    assert before  # looked at first
    migrate(bare_url)
    return bare_url


@pytest.fixture
def connection(field_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(field_url, autocommit=True) as opened:
        yield opened


def test_existing_objects_are_not_altered(connection: psycopg.Connection[Any], before: dict[str, set[str]]) -> None:
    after = catalog(connection)
    assert {part: before[part] - after[part] for part in before if before[part] - after[part]} == {}
    added = {part: {item for item in after[part] - before[part] if not MADE_HERE.search(item)} for part in before}
    assert added.pop("columns") == {
        "image_generation_jobs.completed_at timestamp with time zone",
        "image_generation_jobs.error_message text",
        "image_generation_jobs.started_at timestamp with time zone",
        "image_generation_jobs.task_id text",
        "image_generation_jobs.user_id text",
        "images.file_size integer",
        "images.format text",
        "images.processed_url text",
        "generation_sessions.input_tokens integer",
        "generation_sessions.output_tokens integer",
        "generation_sessions.processing_time_ms integer",
        "store_generation_sessions.completed_at timestamp with time zone",
        "store_generation_sessions.error_message text",
        "store_generation_sessions.estimated_cost_usd numeric(12,6)",
        "store_generation_sessions.generated_image_url text",
        "store_generation_sessions.input_tokens integer",
        "store_generation_sessions.output_tokens integer",
        "store_generation_sessions.processing_time_ms integer",
        "store_generation_sessions.prompt_system text",
    }
    assert {item.partition(" USING ")[2] for item in added.pop("indexes")} == {
        "btree (created_at)",
        "btree (status, created_at)",
        "btree (user_id, status, created_at)",
        "btree (store_id, status, created_at)",
    }
    assert set().union(*added.values()) == set()


def test_existing_rows_are_not_changed(connection: psycopg.Connection[Any]) -> None:
    world = FieldWorld(connection)
    assert world.balance(OLD_USER) == 7
    assert world.one("select generated_image_url from generation_sessions") == "https://x/old"


def test_applying_again_changes_nothing(field_url: str, connection: psycopg.Connection[Any]) -> None:
    def everything() -> tuple[dict[str, set[str]], list[Any]]:
        ours = connection.execute(
            "select pg_get_functiondef(oid) || coalesce(proacl::text, '') from pg_proc"
            " where proname like 'darkroom%' order by 1"
        ).fetchall()
        return catalog(connection), ours

    first = everything()
    assert migrate(field_url) == []
    assert everything() == first
    connection.execute(script().encode())  # as pasted into an editor, over what is there
    assert everything() == first


def test_our_functions_are_private_security_definers_with_a_fixed_search_path(
    connection: psycopg.Connection[Any],
) -> None:
    rows = connection.execute(
        "select proname, prosecdef, proconfig, has_function_privilege('anon', oid, 'execute'),"
        " has_function_privilege('authenticated', oid, 'execute'),"
        " has_function_privilege('service_role', oid, 'execute')"
        " from pg_proc where pronamespace = 'public'::regnamespace and proname like 'darkroom\\_%'"
    ).fetchall()
    assert len(rows) > 30
    expected = (True, ["search_path=public, extensions, pg_temp"], False, False, True)
    assert {row[0]: row[1:] for row in rows if row[1:] != expected} == {}


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_public_key_reads_none_of_our_tables(connection: psycopg.Connection[Any], role: str) -> None:
    tables = [
        row[0]
        for row in connection.execute(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
            " and (relname like 'darkroom\\_%' or relname = 'user_preferences')"
        )
    ]
    assert {"darkroom_jobs", "darkroom_migrations", "user_preferences"} <= set(tables)
    connection.execute("insert into user_preferences values ('secret') on conflict do nothing")
    for table in tables:
        with connection.transaction(force_rollback=True):
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            try:
                with connection.transaction():
                    found = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(table))).fetchall()
            except psycopg.errors.InsufficientPrivilege:
                found = []
            assert found == [], table


def test_a_public_key_uses_none_of_our_sequences(connection: psycopg.Connection[Any]) -> None:
    rights = connection.execute(
        "select role, has_sequence_privilege(role, c.oid, 'usage, select, update')"
        " from pg_class c, unnest(array['anon', 'authenticated', 'service_role']) role"
        " where relkind = 'S' and relnamespace = 'public'::regnamespace and relname like 'darkroom\\_%'"
    ).fetchall()
    assert set(rights) == {("anon", False), ("authenticated", False), ("service_role", True)}


def test_the_credit_functions_that_we_create_are_private(embedded: Embedded) -> None:
    assert embedded.postgres
    with psycopg.connect(embedded.postgres.url, autocommit=True) as server:
        server.execute("create database fresh")
        url = embedded.postgres.url_of("fresh")
        with psycopg.connect(url) as inside:
            inside.execute(SETUP.read_bytes())
        migrate(url)
        with psycopg.connect(url) as inside:
            rights = inside.execute(
                "select has_function_privilege('anon', oid, 'execute'), has_function_privilege('service_role', oid,"
                " 'execute') from pg_proc where proname ~ '^(deduct|refund)_' and pronamespace = 'public'::regnamespace"
            ).fetchall()
            open_tables = inside.execute(
                "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
                " and not relrowsecurity"
            ).fetchall()
        server.execute("drop database fresh with (force)")
    assert rights == [(False, True)] * 4
    assert open_tables == []


def test_a_table_file_changed_after_its_application_is_reported(field_url: str) -> None:
    first = next(item for item in migrations() if item.once)
    with psycopg.connect(field_url, autocommit=True) as opened:
        opened.execute("update darkroom_migrations set sha256 = 'other' where name = %s", [first.name])
        with pytest.raises(DatabaseRefused, match=f"changed after it was applied: {first.name}"):
            migrate(field_url)
        opened.execute("update darkroom_migrations set sha256 = %s where name = %s", [first.sha256, first.name])


def test_a_database_of_the_numbered_migrations_is_brought_up_to_date(field_url: str) -> None:
    with psycopg.connect(field_url, autocommit=True) as opened:
        opened.execute("delete from darkroom_migrations")
        opened.execute(
            "insert into darkroom_migrations (name, sha256)"
            " values ('0004_lifecycle.sql', 'x'), ('0099_rights.sql', 'y')"
        )
        opened.execute(
            "create or replace function darkroom_job_counts() returns jsonb language sql as $$ select '{}'::jsonb $$"
        )
        # What a database grants to every new function, as Supabase does.
        opened.execute("grant execute on function darkroom_job_counts() to public, anon")
        assert set(migrate(field_url)) == {item.name for item in migrations()}
        counts = opened.execute("select darkroom_job_counts() ? 'oldest_waiting_s'").fetchone()
        assert counts == (True,)
        may = opened.execute("select has_function_privilege('anon', 'darkroom_job_counts()', 'execute')").fetchone()
    assert may == (False,)


def test_new_functions_are_not_executable_with_public_keys(field_url: str, tmp_path: Path) -> None:
    schemas = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, schemas)
    (schemas / "functions" / "later.sql").write_text(
        "create or replace function darkroom_later() returns integer language sql security definer as $$ select 1 $$;"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("providers.records.migrate.SCHEMAS", schemas)
        assert migrate(field_url) == ["functions/later.sql"]
    with psycopg.connect(field_url, autocommit=True) as opened:
        for role, may in (("anon", False), ("authenticated", False), ("service_role", True)):
            found = opened.execute(
                "select has_function_privilege(%s, 'darkroom_later()', 'execute')", [role]
            ).fetchone()
            assert found == (may,), role
        opened.execute("drop function darkroom_later()")
        opened.execute("delete from darkroom_migrations where name = 'functions/later.sql'")


class FieldContract(RecordsContract):
    """The whole contract once more, in this database."""

    @pytest.fixture
    def world(self, connection: psycopg.Connection[Any]) -> FieldWorld:
        found = FieldWorld(connection)
        found.empty()
        return found

    async def test_a_subscriber_sees_each_transition_once(self, records: Records, world: FieldWorld) -> None:
        (row,) = await start(records, world.task())
        for _ in range(2):
            assert await records.mark_rate_limited(row.task_id, row.token, "Rate limited, retrying...")
        for _ in range(2):
            assert await records.mark_rate_limited(row.task_id, row.token, None)
        for _ in range(2):
            await complete(records, row, generated_image_url="https://x/1")
        await records.outbox.enqueue(row.task_id, row.token, [])
        assert world.seen() == [
            ("processing", None),
            ("queued", "Rate limited, retrying..."),
            ("processing", None),
            ("completed", None),
        ]

    async def test_a_failure_is_published_once_even_if_ended_concurrently(
        self, records: Records, world: FieldWorld
    ) -> None:
        (row,) = await start(records, world.task())
        for _ in range(3):
            await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
        assert world.seen() == [("processing", None), ("failed", FAILURE.message)]

    async def test_the_status_of_a_batch_may_be_an_upper_case_enum(self, records: Records, world: FieldWorld) -> None:
        workspace = str(uuid.uuid4())
        (row,) = await start(records, images(workspace, world.image_job(workspace)))
        for progress in (25, 50, 50):
            assert await records.session_progress(row.task_id, row.token, progress)
        await complete(records, row, progress=100, result_urls=["https://x/1"])
        assert [status for status, _ in world.seen()] == ["PROCESSING", "PROCESSING", "PROCESSING", "COMPLETED"]

    async def test_a_postponed_batch_is_pending(self, records: Records, world: FieldWorld) -> None:
        workspace = str(uuid.uuid4())
        (row,) = await start(records, images(workspace, world.image_job(workspace)))
        await records.mark_rate_limited(row.task_id, row.token, "Rate limited, retrying...")
        assert world.seen()[-1] == ("PENDING", "Rate limited, retrying...")

    async def test_an_upper_case_uuid_is_the_same_session(self, records: Records, world: FieldWorld) -> None:
        user = world.user(0)
        session = world.session(user)
        task = tryon(user.upper(), session.upper())
        again = tryon(user, session)
        assert await records.accept([task, again]) == {
            task.task_id: Verdict.ACCEPTED,
            again.task_id: Verdict.DUPLICATE,
        }
        assert await records.orphans(older_than_s=0) == []
        (row,) = await records.dispatch(limit=5, max_in_flight=5, lease_s=LEASE_S)
        assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=1)
        assert world.balance(user) == 1

    async def test_an_unknown_owner_gets_neither_session_nor_credits(self, records: Records, world: FieldWorld) -> None:
        for owner in ("anna", str(uuid.uuid4())):
            assert await new_session(records, owner, str(uuid.uuid4())) is NewSession.UNKNOWN_ID
            assert await add(records, owner, 1) == Granted(outcome=Grant.UNKNOWN_ID, balance=0)
        assert world.one("select count(*) from user_credits") == 0

    async def test_a_ledger_without_a_known_transaction_type_leaves_the_balance_unchanged(
        self, records: Records, world: FieldWorld
    ) -> None:
        user = world.user(3)
        with world.connection.transaction():
            world.connection.execute(
                "alter table credit_transactions add constraint odd check (type = 'odd') not valid"
            )
        try:
            assert await add(records, user, 1) == Granted(outcome=Grant.NO_TYPE, balance=0)
        finally:
            world.connection.execute("alter table credit_transactions drop constraint odd")
        assert world.balance(user) == 3

    async def test_a_store_that_resells_gets_no_credit_of_its_customers(
        self, records: Records, world: FieldWorld
    ) -> None:
        store = world.reselling_store("ann@shop.example", balance=3)
        task = tryon(store, world.store_session(store, shopper="ann@shop.example"), channel="b2b")
        world.connection.execute("update store_generation_sessions set shopper_email = '  Ann@Shop.example '")
        (row,) = await start(records, task)
        assert row.payer == {"kind": "shopper", "id": store, "email": "ann@shop.example"}
        world.connection.execute("update stores set billing_mode = 'absorb_mode'")
        for balance in (2, 3):
            assert world.shopper_balance() == balance
            await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
        assert await records.replay(row.task_id) is Replay.REPLAYED
        assert world.shopper_balance() == 2
        await records.fail(row.task_id, FAILURE, lease_s=LEASE_S)
        assert (world.shopper_balance(), world.one("select balance from store_credits")) == (3, 0)

    async def test_an_order_of_a_store_that_resells_is_charged_to_its_customer(
        self, records: Records, world: FieldWorld
    ) -> None:
        store = world.reselling_store("ann@shop.example", balance=3)
        emails = (" ANN@shop.example", "ann@shop.example", "bob@shop.example")
        orders = [order(store) for _ in emails]
        found = [
            await records.orders.place_order(item, {"shopper_email": email, "request_id": "req_1"}, 1)
            for item, email in zip(orders, emails, strict=True)
        ]
        assert [ordered.outcome for ordered in found] == [Outcome.CREATED, Outcome.CREATED, Outcome.NO_CREDITS]
        assert world.shopper_balance() == 1
        cancelled = await records.orders.cancel_order(orders[0].task_id, "Redis queue unavailable")
        assert (cancelled.ended, cancelled.refunded) == (True, 1)
        assert (world.shopper_balance(), world.one("select balance from store_credits")) == (2, 0)

    async def test_refunds_of_two_shoppers_of_one_store_never_deadlock(
        self, records: Records, world: FieldWorld
    ) -> None:
        """Given two batches of refused tasks that name the shoppers in opposite order, all are refunded."""
        emails = ("ann@shop.example", "bob@shop.example")
        store = world.reselling_store(emails[0], balance=2)
        world.connection.execute(
            "insert into store_shopper_credits (store_id, shopper_email, balance) values (%s, %s, 2)",
            [store, emails[1]],
        )
        batches = []
        for number, order in enumerate((emails, emails[::-1])):
            ids = sorted(
                world.store_session(store, request_id=f"req_{number}_{n}", paid=False) for n in range(len(order))
            )
            for session_id, email in zip(ids, order, strict=True):
                request_id = world.one("select request_id from store_generation_sessions where id = %s", session_id)
                world.connection.execute(
                    "update store_generation_sessions set shopper_email = %s where id = %s", [email, session_id]
                )
                world.one("select deduct_store_shopper_credits(%s, %s, %s, %s)", store, email, 1, request_id)
            batches.append([refused(store, session_id) for session_id in ids])
        url = psycopg.conninfo.make_conninfo(**world.connection.info.get_parameters())
        first = "select from store_shopper_credits where shopper_email = %s for update"
        with locked(url, first, emails[0]):
            running = []
            for batch in batches:
                running.append(asyncio.create_task(records.add_dead_letters(batch)))
                await asyncio.to_thread(wait_for_lock_waits, world.connection, len(running))
        assert await asyncio.gather(*running) == [2, 2]
        balances = world.connection.execute("select balance from store_shopper_credits").fetchall()
        assert balances == [(2,), (2,)]

    async def test_a_store_that_was_charged_nothing_is_refunded_nothing(
        self, records: Records, world: FieldWorld
    ) -> None:
        store = world.store(0)
        sessions = [world.store_session(store, request_id=f"req_{n}", paid=False) for n in range(2)]
        world.connection.execute(
            "insert into store_credit_transactions (store_id, amount, type, request_id)"
            " values (%s, -1, 'overage', 'req_1')",
            [store],
        )
        for row in await start(records, *[tryon(store, session, channel="b2b") for session in sessions]):
            assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=0)
        assert world.one("select balance from store_credits") == 0

    async def test_a_request_refunded_by_its_producer_ends_without_another_refund(
        self, records: Records, world: FieldWorld
    ) -> None:
        store = world.store(5)
        (row,) = await start(records, tryon(store, world.store_session(store), channel="b2b"))
        world.one("select refund_store_credits(%s, 1, 'req_1', 'by hand')", store)
        assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=0)
        assert world.one("select balance from store_credits") == 5

    async def test_an_already_recorded_refund_ends_the_job(self, records: Records, world: FieldWorld) -> None:
        store = world.store(5)
        (row,) = await start(records, tryon(store, world.store_session(store), channel="b2b"))
        world.one("select refund_store_credits(%s, 1, %s, 'by hand')", store, f"tryon:b2b:{row.session_id}:1:refund")
        assert await records.fail(row.task_id, FAILURE, lease_s=LEASE_S) == SettlementResult(moved=True, refunded=0)
        assert world.one("select status from store_generation_sessions") == "failed"

    async def test_a_shopper_can_not_gain_credits_by_inserting_sessions(self, rpc: Rpc, world: FieldWorld) -> None:
        user = world.user(0)
        running = world.task(user)
        records = Records(rpc)
        await start(records, running)
        with world.connection.transaction():
            world.connection.execute("set local role authenticated")
            world.connection.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{user}"}}'])
            world.connection.execute("update generation_sessions set credits_used = 1000")
            world.connection.execute(
                "insert into generation_sessions (user_id, credits_used) values (%s, 1000)", [user]
            )
        await records.fail(running.task_id, FAILURE, lease_s=LEASE_S)
        assert world.balance(user) == 1
        (orphan,) = await records.orphans(older_than_s=0)
        assert (await records.fail_session(Product.TRYON, "b2c", orphan.session_id, "lost", "sweep")).refunded == 1

    async def test_a_batch_created_by_an_orm_gets_its_rows_and_times(self, records: Records, world: FieldWorld) -> None:
        workspace = world.workspace()
        task = images(workspace, world.image_job(workspace))
        world.connection.execute("update image_generation_jobs set updated_at = '2000-01-01'")
        (row,) = await start(records, task)
        assert world.one("select updated_at > '2020-01-01' from image_generation_jobs")
        world.connection.execute("update image_generation_jobs set updated_at = '2000-01-01'")
        await records.complete(
            row.task_id,
            row.token,
            outcome={},
            session={"progress": 100},
            images=[{"workspace_id": workspace, "generation_job_id": task.session_id, "filename": "1.jpg"}],
            deliveries=[],
        )
        assert world.one("select updated_at > '2020-01-01' from image_generation_jobs")
        assert world.one("select id is not null and created_at = updated_at from images")

    async def test_check_reports_values_that_the_tables_refuse(self, rpc: Rpc, world: FieldWorld) -> None:
        world.connection.execute("alter table images add shelf integer not null")
        try:
            found = await rpc.call("darkroom_check", p_functions=[])
        finally:
            world.connection.execute("alter table images drop shelf")
        assert found["unfilled_columns"] == ["images.shelf"]
        assert found["refused_values"] == ["audit_log: action 'generate', event_category 'image_generation'"]
        assert found["missing_credit_functions"] == []

    async def test_a_message_uses_the_case_of_its_columns(self, rpc: Rpc, world: FieldWorld) -> None:
        message = {"user_id": world.user(0), "channel": "web", "role": "assistant", "content": "[PHOTO]x[/PHOTO]"}
        await rpc.call("darkroom_insert", p_table="messages", p_row=message)
        assert world.one("select channel || ' ' || role from messages") == "WEB assistant"


class TestFieldOverPostgres(FieldContract):
    @pytest.fixture
    async def rpc(self, field_url: str) -> AsyncIterator[PostgresRpc]:
        opened = PostgresRpc(field_url)
        yield opened
        await opened.aclose()


@pytest.fixture(scope="module")
def server(field_url: str) -> Iterator[LocalSupabase]:
    with LocalSupabase(field_url) as running:
        yield running


class TestFieldOverSupabase(FieldContract):
    @pytest.fixture
    async def rpc(self, server: LocalSupabase) -> AsyncIterator[SupabaseRpc]:
        opened = SupabaseRpc(server.url, server.service_role_key)
        yield opened
        await opened.aclose()


def test_roles_created_after_the_migrations_get_their_rights(database_url: str) -> None:
    prepare(database_url)
    with psycopg.connect(database_url) as opened:
        for role, may in (("anon", False), ("service_role", True)):
            assert opened.execute(
                "select has_function_privilege(%s, 'darkroom_job_counts()', 'execute')", [role]
            ).fetchone() == (may,)
