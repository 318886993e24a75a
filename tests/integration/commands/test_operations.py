from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from schemas.common import Product
from schemas.records import DeadLetter
from schemas.tasks import TASK_LISTS

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg
    import redis

    from tests.integration.commands.conftest import Cli, UseRecords

pytestmark = pytest.mark.usefixtures("flush_redis")

LIST = TASK_LISTS[Product.TRYON]
#: Seconds that a sweep watches the database first. After a pause of a third of that, as on a loaded machine, it ends no
#: session.
SWEEP_LEASE_S = "3"


def balance(database: psycopg.Connection, session: dict[str, str]) -> int:
    row = database.execute("SELECT balance FROM user_credits WHERE user_id = %s", [session["user_id"]]).fetchone()
    assert row
    return int(row[0])


def test_status_counts_jobs_and_lists_the_newest(cli: Cli, task_id: str) -> None:
    code, data = cli("status", "--state", "waiting")
    assert code == 0
    assert data["counts"]["waiting"] >= 1
    assert data["jobs"][0]["task_id"] == task_id


def test_status_of_one_task_shows_its_row_without_the_request(cli: Cli, task_id: str) -> None:
    code, data = cli("status", task_id)
    assert (code, data["task_id"], data["state"]) == (0, task_id, "waiting")
    assert "payload" not in data


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("status", "nobody"), "There is no task nobody."),
        (
            ("status", "--state", "odd"),
            "Unknown state 'odd'; choose one of waiting, running, completed, failed, cancelled.",
        ),
        (("cancel", "nobody"), "There is no queued or running session nobody."),
        (("cancel", "nobody", "--product", "odd"), "Unknown product 'odd'; choose one of tryon, avatar, images."),
        (("dead", "show", "999"), "There is no dead letter 999."),
        (("dead", "drop", "999"), "There is no dead letter 999."),
        (("dead", "show", "9" * 20), f"There is no dead letter {'9' * 20}."),
        (("dead", "drop", "9" * 20), f"There is no dead letter {'9' * 20}."),
        (("dead", "replay", "9" * 20), f"There is no dead letter {'9' * 20}."),
        (("dead", "replay", "nobody"), "There is no task nobody."),
    ],
)
def test_an_unknown_id_gives_a_sentence_and_exit_code_1(cli: Cli, words: tuple[str, ...], sentence: str) -> None:
    assert cli(*words) == (1, {"error": sentence})


def test_a_cancelled_session_ends_and_is_refunded_once(
    cli: Cli, database: psycopg.Connection, session: dict[str, str], task_id: str
) -> None:
    assert cli("cancel", session["session_id"]) == (0, {"cancelled": 1, "refunded": 1})
    assert cli("status", task_id)[1]["state"] == "cancelled"
    assert balance(database, session) == 5
    code, data = cli("cancel", session["session_id"])
    assert (code, data["error"]) == (1, f"Session {session['session_id']} has ended already (cancelled).")
    assert balance(database, session) == 5


def test_cancelling_a_session_does_not_affect_another_product_with_the_same_id(
    cli: Cli, database: psycopg.Connection, session: dict[str, str], task_id: str
) -> None:
    session_id = session["session_id"]
    database.execute("INSERT INTO image_generation_jobs (id, workspace_id) VALUES (%s, 'w1')", [session_id])
    code, data = cli("cancel", session_id)
    assert code == 1
    assert data["error"] == f"Several products have a session {session_id}: choose one with --product (images, tryon)."
    assert cli("cancel", session_id, "--product", "images") == (0, {"cancelled": 1, "refunded": 0})
    assert cli("status", task_id)[1]["state"] == "waiting"
    batch = database.execute("SELECT status FROM image_generation_jobs WHERE id = %s", [session_id]).fetchone()
    assert batch == ("failed",)
    assert balance(database, session) == 4
    # The other one is the only one left that can be meant.
    assert cli("cancel", session_id) == (0, {"cancelled": 1, "refunded": 1})
    assert cli("status", task_id)[1]["state"] == "cancelled"


def test_cancelling_a_session_does_not_affect_another_channel_with_the_same_id(
    cli: Cli, database: psycopg.Connection, session: dict[str, str], task_id: str
) -> None:
    session_id = session["session_id"]
    database.execute("INSERT INTO store_generation_sessions (id, store_id) VALUES (%s, 's1')", [session_id])
    code, data = cli("cancel", session_id)
    assert code == 1
    assert data["error"] == f"Several channels have a session {session_id}: choose one with --channel (b2b, b2c)."
    assert cli("cancel", session_id, "--channel", "b2b") == (0, {"cancelled": 1, "refunded": 1})
    assert cli("status", task_id)[1]["state"] == "waiting"
    store = database.execute("SELECT status FROM store_generation_sessions WHERE id = %s", [session_id]).fetchone()
    assert store == ("failed",)


def test_a_session_of_another_product_is_not_changed(cli: Cli, session: dict[str, str], task_id: str) -> None:
    code, data = cli("cancel", session["session_id"], "--product", "images")
    assert (code, data["error"]) == (1, f"There is no queued or running session {session['session_id']} of images.")
    assert cli("status", task_id)[1]["state"] == "waiting"


@pytest.mark.usefixtures("task_id")
def test_a_replay_charges_again(cli: Cli, database: psycopg.Connection, session: dict[str, str], task_id: str) -> None:
    assert cli("dead", "replay", task_id)[0] == 1
    cli("cancel", session["session_id"])
    assert cli("dead", "replay", task_id) == (0, {"replayed": task_id})
    assert cli("status", task_id)[1]["run"] == 2
    assert balance(database, session) == 4


@pytest.mark.parametrize("new_id", ["20261125"])
def test_a_task_whose_id_is_a_number_runs_again(cli: Cli, session: dict[str, str], task_id: str) -> None:
    cli("cancel", session["session_id"])
    assert cli("dead", "replay", task_id) == (0, {"replayed": task_id})
    assert cli("status", task_id)[1]["run"] == 2


@pytest.mark.usefixtures("session")
def test_a_sweep_older_than_zero_ends_sessions_of_any_age(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_S", SWEEP_LEASE_S)
    assert cli("sweep", "--dry-run")[1]["checked"] == 0
    assert cli("sweep", "--dry-run", "--older-than", "0")[1]["checked"] == 1
    assert cli("sweep", "--older-than", "0") == (0, {"checked": 1, "redriven": 0, "failed": 1, "refunded": 1})


def test_a_sweep_deletes_bytes_in_the_configured_scratch_store(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Given SCRATCH=redis, when a sweep runs, then it leaves a folder of that name alone."""
    monkeypatch.setenv("LEASE_S", SWEEP_LEASE_S)
    monkeypatch.setenv("SCRATCH", "redis")
    old = tmp_path / "scratch" / "task"
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    old.mkdir(parents=True)
    (old / "picture").write_bytes(b"x")
    os.utime(old / "picture", (1, 1))
    os.utime(old, (1, 1))

    assert cli("sweep")[0] == 0

    assert old.exists()


def test_a_sweep_ends_and_refunds_a_session_without_a_job(
    cli: Cli, database: psycopg.Connection, session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEASE_S", SWEEP_LEASE_S)
    database.execute(
        "UPDATE generation_sessions SET created_at = now() - interval '1 hour' WHERE id = %s", [session["session_id"]]
    )
    assert cli("sweep", "--dry-run")[1] == {"checked": 1, "redriven": 0, "failed": 0, "refunded": 0, "dry_run": True}
    assert balance(database, session) == 4
    assert cli("sweep", "--older-than", "7200")[1]["checked"] == 0
    assert cli("sweep") == (0, {"checked": 1, "redriven": 0, "failed": 1, "refunded": 1})
    assert cli("sweep") == (0, {"checked": 0, "redriven": 0, "failed": 0, "refunded": 0})
    assert balance(database, session) == 5


@pytest.fixture
def letter_id(use_records: UseRecords, cli: Cli) -> int:
    letter = DeadLetter(list=LIST, code="not_json", reason="not JSON", payload="{")
    use_records(lambda records: records.add_dead_letters([letter]))
    return int(cli("dead", "list")[1]["letters"][0]["id"])


def test_the_payload_of_a_dead_letter_is_shown_but_not_listed(cli: Cli, letter_id: int) -> None:
    assert "payload" not in cli("dead", "list")[1]["letters"][0]
    assert cli("dead", "show", str(letter_id))[1]["payload"] == "{"


def test_a_dead_letter_is_pushed_to_its_list_unchanged(cli: Cli, letter_id: int, redis_client: redis.Redis) -> None:
    assert cli("dead", "replay", str(letter_id)) == (0, {"replayed": letter_id, "list": LIST})
    assert redis_client.lrange(LIST, 0, -1) == [b"{"]
    assert cli("dead", "show", str(letter_id))[0] == 1


def test_a_dead_letter_is_dropped(cli: Cli, letter_id: int) -> None:
    assert cli("dead", "drop", str(letter_id)) == (0, {"dropped": letter_id})
    assert cli("dead", "drop", str(letter_id))[0] == 1


def test_an_owed_refund_is_dropped_only_by_force(cli: Cli, use_records: UseRecords) -> None:
    letter = DeadLetter(list="darkroom:refunds", code="refund_refused", reason="45000: no", payload="{}")
    use_records(lambda records: records.add_dead_letters([letter]))
    found = str(cli("dead", "list")[1]["letters"][0]["id"])
    code, data = cli("dead", "drop", found)
    assert code == 1
    assert f"dead replay {found}" in data["error"]
    assert cli("dead", "drop", found, "--force") == (0, {"dropped": int(found)})


def test_a_truncated_dead_letter_is_not_pushed(cli: Cli, use_records: UseRecords) -> None:
    letter = DeadLetter(list=LIST, code="too_large", reason="too large", payload="{", complete=False)
    use_records(lambda records: records.add_dead_letters([letter]))
    found = cli("dead", "list")[1]["letters"][0]["id"]
    code, data = cli("dead", "replay", str(found))
    assert (code, data["error"]) == (1, f"Dead letter {found} was too large to keep whole and can't be pushed again.")
