from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commands.outcome import CommandError
from commands.size_charts import import_charts, list_charts
from commands.size_feedback import size_feedback
from settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

COAT = "brand,garment,girth,size,garment_cm,ease_cm\nAcme,coat,chest,S,104,14\nAcme,coat,chest,M,112,14\n"


def test_an_imported_chart_can_be_selected_by_name(tmp_path: Path) -> None:
    file, settings = tmp_path / "charts.csv", Settings(data_dir=tmp_path)
    file.write_text(COAT)

    assert import_charts(settings, file).data == {"imported": ["acme-coat"]}
    assert list_charts(settings).data["charts"]["acme-coat"]["ease_cm"] == 14


def test_an_invalid_chart_file_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    file, settings = tmp_path / "charts.csv", Settings(data_dir=tmp_path)
    file.write_text("hello\nworld\n")

    for path in (file, tmp_path / "none.csv"):
        with pytest.raises(CommandError):
            import_charts(settings, path)
    assert not (tmp_path / "charts").exists()


async def test_without_feedback_the_list_is_empty(tmp_path: Path, redis_url: str, database_url: str) -> None:
    settings = Settings(data_dir=tmp_path, redis_url=redis_url, database_url=database_url)
    assert (await size_feedback(settings, "nobody")).data == {"feedback": []}
