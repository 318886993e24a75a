from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from PIL import Image

from commands.local.embedded import Embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SERVICES = {"REDIS_URL", "DATABASE_URL", "SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        Path(folder).chmod(0o711)  # for the account that PostgreSQL runs as when we are root
        yield Path(folder)


def demo(data_dir: Path, *words: str) -> tuple[int, dict[str, Any]]:
    env = {name: value for name, value in os.environ.items() if name not in SERVICES} | {"DATA_DIR": str(data_dir)}
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--json", *words],
        cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def outcome(data_dir: Path) -> dict[str, Any]:
    code, data = demo(data_dir)
    assert code == 0
    return data


def test_all_three_products_make_pictures_and_intended_failures_are_refunded(outcome: dict[str, Any]) -> None:
    assert {name: outcome[name] for name in ("tasks", "completed", "failed", "refunded")} == {
        "tasks": 19, "completed": 16, "failed": 3, "refunded": 3,
    }  # fmt: skip
    assert outcome["products"] == {"tryon": 12, "avatar": 3, "images": 1}


def test_the_gallery_shows_every_picture_with_its_inputs_and_messages(outcome: dict[str, Any]) -> None:
    gallery = Path(outcome["gallery"])
    page = gallery.read_text()
    assert page.count("<article") == 14
    linked = set(re.findall(r'(?:src|href)="([^"#]+)"', page))
    results = [link for link in linked if link.startswith("results/")]
    assert len(results) == 12 + 3 + 6
    for link in linked:
        with Image.open(gallery.parent / link.replace("%20", " ")) as picture:
            picture.verify()
    assert "Your image was flagged by the safety filter." in page
    assert page.count("1 credit refunded") == 2


def test_the_gallery_shows_the_chats_and_the_contact_sheet(outcome: dict[str, Any]) -> None:
    page = html.unescape(Path(outcome["gallery"]).read_text())
    assert page.count('class="chat ') == 2
    assert page.count('class="says photo"') == 2
    assert page.count("Here's your photo (link valid 24h):") == 1
    assert page.count("I wasn't able to send you a photo right now") == 1
    assert re.findall(r"<figcaption>(\d\d)</figcaption>", page) == ["01", "02", "03", "04", "05", "06"]


def test_the_gallery_tells_pushed_tasks_from_ordered_ones(outcome: dict[str, Any]) -> None:
    page = Path(outcome["gallery"]).read_text()
    facts = re.findall(r'<div class="facts"><span>(\w+), ([\w ]+)</span>', page)
    assert {fact: facts.count(fact) for fact in facts} == {
        ("shopper", "pushed"): 5, ("shopper", "over HTTP"): 2, ("shop", "pushed"): 5, ("shop", "over HTTP"): 2,
    }  # fmt: skip
    stages = re.findall(r'<div class="bar">(.*?)</div>', page)
    assert len(stages) == 14
    assert all("generate" in stage for stage in stages if "upload" in stage)


def test_sessions_and_credits_in_the_database_agree_with_the_outcome(outcome: dict[str, Any], data_dir: Path) -> None:
    assert outcome["completed"] == 16
    with Embedded(data_dir) as servers, psycopg.connect(str(servers.database_url)) as database:
        sessions = database.execute(
            "SELECT status, count(*) FROM (SELECT status FROM generation_sessions"
            " UNION ALL SELECT status FROM store_generation_sessions) s GROUP BY 1 ORDER BY 1"
        ).fetchall()
        spent = database.execute(
            "SELECT (SELECT sum(20 - balance) FROM user_credits) + (SELECT sum(20 - balance) FROM store_credits)"
        ).fetchone()
        refunds = database.execute(
            "SELECT count(*), count(DISTINCT session_id) FROM darkroom_ledger WHERE kind = 'refund'"
        ).fetchone()
        orders = database.execute("SELECT count(*) FROM darkroom_requests").fetchone()
    assert sessions == [("completed", 12), ("failed", 2)]
    assert spent == (16,)
    assert refunds == (3, 3)
    assert orders == (4,)


def test_a_photo_given_on_the_command_line_is_used(data_dir: Path, tmp_path: Path) -> None:
    Image.new("RGB", (640, 960), (200, 60, 120)).save(tmp_path / "me.png")
    code, data = demo(data_dir, "--photo", str(tmp_path / "me.png"))
    assert (code, data["completed"]) == (0, 16)
    page = Path(data["gallery"]).read_text()
    assert "inputs/your%20photo.png" in page
    assert "inputs/Mara.jpg" not in page


def test_a_missing_photo_is_reported_before_anything_starts(data_dir: Path) -> None:
    assert demo(data_dir, "--photo", "nobody.jpg") == (1, {"error": "There is no file nobody.jpg."})


def test_a_provider_makes_the_pictures_against_an_emulation_of_its_api(data_dir: Path) -> None:
    code, data = demo(data_dir, "--provider", "fal")
    assert code == 0
    assert data["products"] == {"tryon": 12, "avatar": 2, "images": 1}
    calls = [line for line in (data_dir / "log/worker.log").read_text().splitlines() if '"provider_call"' in line]
    assert sum('"provider":"fal"' in line for line in calls) == 12
