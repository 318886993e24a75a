from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    import psycopg

    from commands.local.embedded import Embedded
    from tests.integration.commands.conftest import Cli

ROOT = Path(__file__).parents[3]


def test_migrate_applies_missing_migrations_once(
    cli: Cli, embedded: Embedded, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert embedded.postgres
    database.execute("CREATE DATABASE bare")
    monkeypatch.setenv("DATABASE_URL", embedded.postgres.url_of("bare"))
    code, data = cli("check")
    assert code == 1
    assert data["faults"][0].startswith("database: not applied: tables/0001_core.sql")
    code, data = cli("migrate")
    assert (code, data["applied"][0]) == (0, "tables/0001_core.sql")
    assert cli("migrate") == (0, {"applied": []})
    assert cli("check")[0] == 0


def test_migrate_needs_only_the_database_url(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    assert cli("migrate") == (0, {"applied": []})
    monkeypatch.delenv("DATABASE_URL")
    code, data = cli("migrate")
    assert code == 1
    assert data["error"].startswith("DATABASE_URL is not set and no `manage.py up` is running in ")
    assert "REDIS_URL" not in data["error"]


def test_migrate_prints_the_sql_for_an_editor(cli: Cli) -> None:
    sql = cli("migrate", "--print")[1]["sql"]
    assert "create table if not exists darkroom_jobs" in sql
    assert "notify pgrst, 'reload schema';" in sql
    assert sql.rstrip().endswith("select statement from darkroom_missing_indexes();")


def test_check_names_every_fault_at_once_and_hides_secrets(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hush@127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush@127.0.0.1:1/none")
    monkeypatch.setenv("AI_MOCK_MODE", "false")
    code, data = cli("check")
    assert code == 1
    assert [fault.split(":")[0] for fault in data["faults"]] == ["redis", "database", "tryon", "avatar", "images"]
    assert "set OPENAI_API_KEY" in data["faults"][2]
    assert "set REPLICATE_API_TOKEN" in data["faults"][3]
    assert data["settings"]["DATABASE_URL"] == "(set, hidden)"
    assert "hush" not in json.dumps(data)


def test_check_passes_with_valid_settings_and_servers(cli: Cli) -> None:
    code, data = cli("check")
    assert (code, data["faults"]) == (0, [])
    assert data["connections"]["redis"].startswith("answers, version ")


def test_all_malformed_settings_are_reported_together(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_S", "soon")
    monkeypatch.setenv("PORT", "70000")
    code, data = cli("check")
    assert code == 1
    assert (
        "LEASE_S (duration of a worker's lease; when it expires, its jobs are recovered by another worker)"
        in data["error"]
    )
    assert "PORT (port the HTTP service binds to)" in data["error"]


def test_schema_describes_every_list_and_the_progress_channel(cli: Cli) -> None:
    code, data = cli("schema")
    assert code == 0
    assert set(data) == {*TASK_LISTS.values(), "task_updates:{task_id}"}
    assert "image_urls" in data["wearon:tasks:generation"]["required"]


@pytest.mark.parametrize("words", [("status",), ("sweep",), ("dead", "list"), ("cancel", "x")])
def test_without_services_a_command_names_the_settings_or_the_command_to_start_them(
    cli: Cli, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL")
    monkeypatch.delenv("DATABASE_URL")
    code, data = cli(*words)
    assert code == 1
    assert data["error"].startswith("REDIS_URL and DATABASE_URL (or SUPABASE_URL) are not set and no `manage.py up`")


def test_local_files_are_not_enqueued_if_workers_would_refuse_them(cli: Cli, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "me.jpg")
    code, data = cli("enqueue", str(tmp_path / "me.jpg"))
    assert code == 1
    assert "FETCH_ALLOWED_NETWORKS has 127.0.0.0/8" in data["error"]


def test_a_file_that_is_not_a_picture_is_not_enqueued(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FETCH_ALLOWED_NETWORKS", "127.0.0.0/8")
    (tmp_path / "me.jpg").write_text("no picture")
    assert cli("enqueue", str(tmp_path / "me.jpg"))[1]["error"].endswith("is not a JPEG, PNG or WebP picture.")
    assert cli("enqueue", str(tmp_path / "other.jpg"))[1]["error"].startswith("There is no file ")


def test_a_task_with_two_owners_is_not_enqueued(cli: Cli) -> None:
    code, data = cli("enqueue", "http://a.test/1.jpg", "--user", "u", "--store", "s")
    assert code == 1
    assert "a task has one owner" in data["error"]


def test_help_loads_none_of_the_heavy_libraries() -> None:
    code = "import sys, manage; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"pydantic", "redis", "psycopg", "PIL", "dramatiq", "rich"} & set(done.stdout.split())
