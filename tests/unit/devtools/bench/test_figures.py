import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from commands.outcome import CommandError
from devtools.bench import baseline
from devtools.bench.percentiles import curve, percentile
from devtools.bench.plot import Bar, PlotLine, bars, lines
from devtools.bench.targets import TARGETS, Target, measured


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1.0)) == (50, 95, 100)
    assert percentile([7.0], 0.5) == 7


def test_a_curve_never_falls_and_ends_at_the_largest_value() -> None:
    found = curve([3.0, 1.0, 2.0], points=5)
    assert found == sorted(found)
    assert found[-1] == 3


def test_a_bound_is_a_maximum_or_a_minimum() -> None:
    assert Target("a", "b", "", 2).met(2)
    assert not Target("a", "b", "", 2).met(2.1)
    assert Target("a", "b", "", 2, at_least=True).met(2)
    assert not Target("a", "b", "", 2, at_least=True).met(1.9)
    assert Target("a", "b", "").met(1e9)


def test_only_measured_figures_are_compared_with_targets() -> None:
    found = {
        target.name: figure for target, figure in measured({"inflight": {"rss_mb": 90, "at_3000": {"rss_mb": 250}}})
    }
    assert found == {"inflight.rss_mb": 90, "inflight.at_3000.rss_mb": 250}


def test_names_and_labels_of_targets_are_unique() -> None:
    assert len({target.name for target in TARGETS}) == len({target.label for target in TARGETS}) == len(TARGETS)


def test_a_change_is_a_signed_percentage_of_the_baseline() -> None:
    assert (baseline.change(50, 100), baseline.change(110, 100), baseline.change(1, None)) == ("-50 %", "+10 %", "")


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps(1)])
def test_a_baseline_that_is_not_a_json_object_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "earlier.json"
    file.write_text(content)
    with pytest.raises(CommandError, match="baseline"):
        baseline.read(file)


def test_plots_are_well_formed_xml_without_external_addresses() -> None:
    drawn = [
        bars("A < B & C", [Bar("one", 3, "3 ms"), Bar("two", 0, "0 ms", "bad")], bound=2),
        lines(
            "Over time",
            [PlotLine("rows", [0, 1, 2], [0, 10, 20]), PlotLine("more", [0], [0])],
            x="s",
            y="tasks",
            bound=5,
        ),
    ]
    for svg in drawn:
        root = ET.fromstring(svg)  # noqa: S314  our own
        assert root.get("aria-label") in {"A < B & C", "Over time"}
        assert svg.count("http") == 1
