from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from rich.console import Console

from devtools.demo import gallery
from devtools.demo.table import failures, table
from devtools.demo.task import DemoTask, Input, Result
from schemas.common import JobState, Product
from schemas.records import JobRow

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(state: JobState, failure: dict[str, Any] | None = None) -> JobRow:
    return JobRow(
        task_id="t", product=Product.TRYON, session_id="s", owner_id="o", channel="b2c", request_id="r", payload={},
        state=state, run=1, token=1, failure=failure, created_at=NOW, finished_at=NOW + timedelta(seconds=2.5),
    )  # fmt: skip


@pytest.fixture
def task(tmp_path: Path) -> DemoTask:
    Image.new("RGB", (8, 8)).save(tmp_path / "a <b>.jpg")
    (tmp_path / "guide.txt").touch()
    inputs = (Input("person", tmp_path / "a <b>.jpg"), Input("guide", tmp_path / "guide.txt"))
    return DemoTask(Product.TRYON, "t", "s", "A & B", "b2c", {}, inputs, "<script>", 1)


@pytest.fixture
def completed(task: DemoTask, tmp_path: Path) -> Result:
    picture = tmp_path / "gallery" / "results" / "t.jpg"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(picture)
    return Result(task, row(JobState.COMPLETED), 0, {"generate": 1.5}, (picture,))


@pytest.fixture
def failed(task: DemoTask) -> Result:
    return Result(task, row(JobState.FAILED, {"message": "Not <this>."}), 1)


def test_the_page_shows_result_inputs_and_the_escaped_message(
    completed: Result, failed: Result, tmp_path: Path
) -> None:
    page = gallery.write(tmp_path / "gallery", [completed, failed], 3.0).read_text()
    assert 'src="results/t.jpg"' in page
    assert 'src="inputs/a%20%3Cb%3E.jpg"' in page
    assert "Not &lt;this&gt;." in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert ">.txt<" in page
    assert "1 credit spent" in page
    assert "1 credit refunded" in page


def test_the_folder_of_the_page_can_be_moved(completed: Result, tmp_path: Path) -> None:
    page = gallery.write(tmp_path / "gallery", [completed], 3.0).read_text()
    assert str(tmp_path) not in page
    assert (tmp_path / "gallery" / "inputs" / "a <b>.jpg").exists()


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_fits_the_terminal(completed: Result, failed: Result, width: int) -> None:
    written = io.StringIO()
    Console(width=width, file=written).print(table([completed, failed], width))
    text = written.getvalue()
    assert "1 refunded" in text
    assert "2.5" in text
    assert max(map(len, text.splitlines())) <= width


def test_the_message_of_each_failure_is_shown_once(completed: Result, failed: Result) -> None:
    assert failures([completed, failed]) == "A & B: [italic]“Not <this>.”[/]"


def test_an_unexpected_outcome_is_detected(task: DemoTask, completed: Result, failed: Result) -> None:
    assert completed.as_expected
    assert not failed.as_expected
    assert not Result(task, None, 0).as_expected
    assert not Result(task, row(JobState.COMPLETED), 1, {}, completed.pictures).as_expected
