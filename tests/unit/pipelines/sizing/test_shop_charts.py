from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.shop_charts import read_charts
from schemas.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

JEANS = '{"girth": "waist", "sizes": ["30", "32", "34"], "bounds_cm": [78.5, 83.5]}'


def test_without_a_folder_only_the_built_in_charts_exist(tmp_path: Path) -> None:
    assert read_charts(tmp_path / "none") == BUILT_IN


def test_a_chart_is_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "jeans.json").write_text(JEANS)
    charts = read_charts(tmp_path)

    assert set(charts) == {"men", "women", "unisex", "jeans"}
    assert charts["jeans"].bounds_cm == (78.5, 83.5)


def test_every_faulty_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "jeans.json").write_text(JEANS)
    (tmp_path / "hats.json").write_text('{"sizes": ["S"], "bounds_cm": []}')
    (tmp_path / "socks.json").write_text("nothing")
    with pytest.raises(Invalid, match=r"hats\.json, socks\.json"):
        read_charts(tmp_path)
