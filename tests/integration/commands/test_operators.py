"""Commands of operators: sessions, credits and the status of refused tasks."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from commands.dead_letters import described
from schemas.common import Product
from schemas.records import DeadLetter
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    import psycopg

    from tests.integration.commands.conftest import Cli, Printed, UseRecords

pytestmark = pytest.mark.usefixtures("flush_redis")


@pytest.fixture
def refused(use_records: UseRecords) -> DeadLetter:
    """The dead letter of a task that came without its session."""
    letter = DeadLetter(
        list=TASK_LISTS[Product.TRYON], code="unknown_session", reason="no such session of this owner",
        payload='{"user_id": "anna"}',
        task_id=str(uuid.uuid4()), session_id=str(uuid.uuid4()),
    )  # fmt: skip
    use_records(lambda records: records.add_dead_letters([letter]))
    return letter


@pytest.mark.parametrize(
    ("option", "session", "table"),
    [
        ("--user", "session_id", "generation_sessions"),
        ("--store", "session_id", "store_generation_sessions"),
        ("--workspace", "job_id", "image_generation_jobs"),
    ],
)
def test_a_new_session_is_queued_and_its_ids_are_printed(
    cli: Cli, database: psycopg.Connection, option: str, session: str, table: str
) -> None:
    owner = f"{option.removeprefix('--')}_id"
    code, data = cli("session", "new", option, "owner-1")
    assert code == 0
    assert (set(data), data[owner]) == ({"task_id", session, owner}, "owner-1")
    row = database.execute(f"SELECT {owner}, status FROM {table} WHERE id = %s".encode(), [data[session]]).fetchone()
    assert row in {("owner-1", "queued"), ("owner-1", "pending")}


def test_a_shell_can_read_the_ids_of_a_new_session(printed: Printed) -> None:
    lines = printed("session", "new", "--user", "anna")
    done = subprocess.run(
        ["sh", "-c", 'eval "$0"; echo "$user_id:$session_id:$task_id"', lines],
        capture_output=True,
        text=True,
        check=True,
    )
    user, session, task = done.stdout.strip().split(":")
    assert user == "anna"
    assert uuid.UUID(session) != uuid.UUID(task)


def test_a_session_is_created_once_under_a_chosen_id(cli: Cli) -> None:
    words = ("session", "new", "--user", "anna", "--session", f"s-{uuid.uuid4().hex}")
    code, data = cli(*words)
    assert (code, data["session_id"]) == (0, words[-1])
    assert cli(*words) == (1, {"error": f"There is a session {words[-1]} already."})


def test_an_owner_id_that_is_not_a_path_segment_is_refused(cli: Cli) -> None:
    code, data = cli("session", "new", "--user", "../anna")
    assert (code, data["error"]) == (
        1,
        "The user_id '../anna' has other characters than A-Z a-z 0-9 _ -, or over 64.",
    )


@pytest.mark.parametrize("flags", [(), ("--store",)])
def test_added_credits_are_shown(cli: Cli, flags: tuple[str, ...]) -> None:
    owner = str(uuid.uuid4())
    code, data = cli("credits", "show", owner, *flags)
    assert code == 1
    assert f"`python manage.py credits add {owner} AMOUNT{' --store' if flags else ''}` adds some" in data["error"]
    code, data = cli("credits", "add", owner, "3", "--reason", "A gift", *flags)
    assert (code, data["added"], data["balance"]) == (0, 3, 3)
    assert cli("credits", "add", owner, "2", *flags)[1]["balance"] == 5
    code, data = cli("credits", "show", owner, *flags)
    assert (code, data["balance"], data["total_spent"]) == (0, 5, 0)


def test_status_of_a_refused_task_shows_the_reason_and_the_remedy(printed: Printed, refused: DeadLetter) -> None:
    for identifier in (refused.task_id, refused.session_id):
        assert identifier
        data = json.loads(printed("status", identifier))
        (letter,) = data["dead_letters"]
        assert (data["task_id"], data["state"]) == (refused.task_id, "refused")
        assert (letter["product"], letter["session_id"]) == ("tryon", refused.session_id)
        assert letter["reason"] == "no such session of this owner"
        assert f"manage.py session new --user anna --session {refused.session_id}" in letter["what_to_do"]
        assert f"manage.py dead replay {letter['id']}" in letter["what_to_do"]


@pytest.mark.parametrize(
    ("product", "payload", "option"),
    [
        (Product.TRYON, '{"user_id": null, "store_id": "shop-1"}', "--store shop-1"),
        (Product.IMAGES, '{"workspace_id": "studio", "user_id": "anna"}', "--workspace studio"),
        (Product.TRYON, '{"user_id": "$(reboot)"}', "--user ID or --store ID"),
        (Product.IMAGES, "not JSON", "--workspace ID"),
    ],
)
def test_the_remedy_for_an_unknown_session_names_the_owner(product: Product, payload: str, option: str) -> None:
    letter = DeadLetter(list=TASK_LISTS[product], code="unknown_session", reason="r", payload=payload, session_id="s-1")
    assert f"`manage.py session new {option} --session s-1`" in described(letter)["what_to_do"]


def test_status_shows_the_row_of_a_task_while_redis_is_unavailable(
    environment: pytest.MonkeyPatch, cli: Cli, task_id: str
) -> None:
    environment.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    code, data = cli("status", task_id)
    assert (code, data["task_id"], data["state"], data["progress"]) == (0, task_id, "waiting", None)
    assert data["progress_error"] == "Redis at 127.0.0.1:1 can't be reached: Connection refused."


def test_status_finds_a_task_by_its_session(cli: Cli, session: dict[str, str], task_id: str) -> None:
    assert cli("status", session["session_id"])[1]["task_id"] == task_id


def test_lists_fit_80_columns_with_untruncated_ids(
    printed: Printed, session: dict[str, str], cli: Cli, task_id: str, refused: DeadLetter
) -> None:
    cli("cancel", session["session_id"])
    jobs, letters = printed("status"), printed("dead", "list")
    assert max(len(line) for line in [*jobs.splitlines(), *letters.splitlines()]) <= 80
    assert task_id in jobs
    assert refused.task_id
    assert refused.task_id in letters


def test_a_cancelled_job_has_one_name_everywhere(
    printed: Printed, session: dict[str, str], cli: Cli, task_id: str
) -> None:
    cli("cancel", session["session_id"])
    line = next(line for line in printed("status").splitlines() if task_id in line)
    assert line.startswith("cancelled ")
    assert "Cancelled" not in printed("status")
