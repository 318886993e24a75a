from __future__ import annotations

import pytest

from pipelines.sizing.chart_csv import ChartCsvError, parse_chart_csv
from schemas.size_charts import Chart, Girth, Measured, WaistLevel

SHIRT = "brand,garment,girth,size,from_cm,to_cm,ease_cm\nAcme,Shirt,chest,S,86,94,10\nAcme,Shirt,chest,M,94,102,10\n"
COAT = "brand,garment,girth,size,garment_cm,ease_cm\nAcme,coat,chest,S,104,14\nAcme,coat,chest,M,112,14\n"


def test_body_measures_are_ranges() -> None:
    assert parse_chart_csv(SHIRT) == {
        "acme-shirt": Chart(sizes=("S", "M"), bounds_cm=(94,), ease_cm=10, brand="Acme", garment="Shirt")
    }


def test_garment_measures_are_bounded_half_way_between_sizes() -> None:
    [chart] = parse_chart_csv(COAT).values()

    assert (chart.measured, chart.bounds_cm, chart.ease_cm) == (Measured.GARMENT, (108,), 14)


def test_semicolons_and_decimal_commas_are_accepted() -> None:
    text = (
        "\ufeffGirth;Size;From_cm;To_cm;waist_level\r\nwaist;30;74,0;78,5;narrowest\r\nwaist;32;79,5;84;narrowest\r\n"
    )
    [chart] = parse_chart_csv(text).values()

    assert (chart.girth, chart.bounds_cm, chart.waist_level) == (Girth.WAIST, (79,), WaistLevel.NARROWEST)


def test_each_brand_and_garment_is_a_chart() -> None:
    other = SHIRT.replace("Acme", "Other").partition("\n")[2]
    assert list(parse_chart_csv(SHIRT + other)) == ["acme-shirt", "other-shirt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns girth and size"),
        ("hello\nworld\n", "columns girth and size"),
        (SHIRT.replace("94,102", "99,102"), "S ends at 94"),
        (SHIRT.replace(",94,102", ",wide,102"), "from_cm is wide"),
        (SHIRT.replace("chest", "neck"), "girth"),
        (COAT.replace(",14", ","), "needs ease_cm"),
        (SHIRT.replace(",M,", ",S,"), "different sizes"),
    ],
)
def test_an_invalid_chart_is_refused_with_its_fault(text: str, message: str) -> None:
    with pytest.raises(ChartCsvError) as refusal:
        parse_chart_csv(text)
    assert message in refusal.value.public_message
