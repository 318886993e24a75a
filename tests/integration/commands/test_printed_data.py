"""Data on standard output is read by programs: nothing is wrapped, coloured or cut, however narrow the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from commands.local.embedded.postgres_programs import programs
from schemas.job import Failure
from schemas.records import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commands.local.embedded import Embedded
    from tests.integration.commands.conftest import Printed, UseRecords

ROOT = Path(__file__).parents[3]


@pytest.fixture
def empty_database(embedded: Embedded) -> Iterator[str]:
    assert embedded.postgres
    name = f"printed_{uuid.uuid4().hex}"
    with psycopg.connect(embedded.postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield embedded.postgres.url_of(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def long_failure(use_records: UseRecords, task_id: str) -> str:
    """A task that failed with a long sentence."""
    failure = Failure(code="invalid", message="x " * 100)
    use_records(lambda records: records.fail(task_id, failure, lease_s=1))
    return task_id


@pytest.fixture
def long_letter(use_records: UseRecords) -> int:
    """A dead letter whose payload is long and looks like markup."""
    payload = '{"prompt": "' + "[red] " * 100 + '"}'
    letter = DeadLetter(list="wearon:tasks:generation", code="invalid", reason="no ids", payload=payload)
    use_records(lambda records: records.add_dead_letters([letter]))
    found: list[DeadLetter] = use_records(lambda records: records.dead_letters(limit=1))
    return found[0].id


def test_psql_runs_the_sql_that_migrate_prints_into_a_pipe(empty_database: str) -> None:
    made = subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--print"], cwd=ROOT, env=os.environ | {"COLUMNS": "80"},
        stdout=subprocess.PIPE,
    )  # fmt: skip
    done = subprocess.run(
        [programs() / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", empty_database],
        stdin=made.stdout, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, [line for line in done.stderr.splitlines() if "ERROR" in line]) == (0, [])
    assert made.stdout
    made.stdout.close()
    assert made.wait(timeout=10) == 0
    with psycopg.connect(empty_database) as connection:
        functions = connection.execute("select count(*) from pg_proc where proname like 'darkroom\\_%'").fetchone()
        assert functions
        assert functions[0] > 40


def test_a_json_parser_reads_the_schemas(printed: Printed) -> None:
    assert "wearon:tasks:generation" in json.loads(printed("schema"))


def test_a_json_parser_reads_a_task_whose_failure_is_long(printed: Printed, long_failure: str) -> None:
    data = json.loads(printed("status", long_failure))
    assert data["failure"]["message"] == "x " * 100


def test_a_json_parser_reads_a_dead_letter_with_a_long_payload(printed: Printed, long_letter: int) -> None:
    assert json.loads(printed("dead", "show", str(long_letter)))["payload"] == '{"prompt": "' + "[red] " * 100 + '"}'


def test_a_webhook_secret_is_on_one_line(printed: Printed) -> None:
    url = "https://shop.example/" + "hook/" * 30
    said = printed("webhook", "set", "shop-1", url).splitlines()
    assert said[0].endswith(f" {url}")
    assert said[1].rpartition(" ")[2].startswith("whsec_")
