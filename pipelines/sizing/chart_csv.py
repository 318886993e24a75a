"""Reads size charts from CSV, as shops export them from a spreadsheet. Pure.

One line per size, smallest first; lines of one `brand` and `garment` are one chart. Body measures are a range:

    brand,garment,girth,size,from_cm,to_cm,ease_cm
    Acme,shirt,chest,S,86,94,10
    Acme,shirt,chest,M,94,102,10

Garment measures are the finished circumference, and need the ease that the garment was designed with:

    brand,garment,girth,size,garment_cm,ease_cm
    Acme,coat,chest,S,104,14
    Acme,coat,chest,M,112,14

`brand`, `garment`, `ease_cm` (with body measures) and `waist_level` (navel or narrowest) may be left out.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from schemas.errors import Invalid
from schemas.size_charts import Chart, Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LINES = 2_000
#: Largest distance between one size's `to_cm` and the next size's `from_cm`, cm: tables often state 86-93, 94-101.
MAX_GAP_CM = 2.0


class ChartCsvError(Invalid):
    """The CSV file is not a size chart."""

    code = "size_chart"
    report = False


def parse_chart_csv(text: str) -> dict[str, Chart]:
    """Return the charts of a CSV file by name: brand and garment in lower case, joined by a hyphen.

    Raises:
        ChartCsvError: The text is no CSV of that form; the message names the line or the chart.
    """
    rows = _rows(text)
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row.get("brand", ""), row.get("garment", "")), []).append(row)
    return {_name(brand, garment): _chart(brand, garment, lines) for (brand, garment), lines in groups.items()}


def _rows(text: str) -> list[dict[str, str]]:
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff").strip()), dialect=dialect)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    rows = []
    for row in reader:
        rows.append({name: (value or "").strip() for name, value in row.items() if isinstance(name, str)})
        if len(rows) > MAX_LINES:
            raise ChartCsvError(public_message=f"A size chart has at most {MAX_LINES} lines.")
    if not rows or not {"size", "girth"} <= set(reader.fieldnames):
        raise ChartCsvError(public_message="A size chart needs the columns girth and size, and at least two lines.")
    return rows


def _chart(brand: str, garment: str, lines: Sequence[dict[str, str]]) -> Chart:
    name, first = _name(brand, garment), lines[0]
    measured = Measured.GARMENT if first.get("garment_cm") else Measured.BODY
    bounds = _garment_bounds(name, lines) if measured is Measured.GARMENT else _body_bounds(name, lines)
    fields = {
        "girth": first["girth"].lower(),
        "sizes": tuple(line["size"] for line in lines),
        "bounds_cm": bounds,
        "measured": measured,
        "ease_cm": first.get("ease_cm") or None,
        "brand": brand or None,
        "garment": garment or None,
    }
    if first.get("waist_level"):
        fields["waist_level"] = first["waist_level"].lower()
    try:
        return Chart.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ChartCsvError(public_message=f"The chart {name} can't be used: {faults}.") from error


def _body_bounds(name: str, lines: Sequence[dict[str, str]]) -> tuple[float, ...]:
    bounds = []
    for smaller, larger in itertools.pairwise(lines):
        end, start = _number(name, smaller, "to_cm"), _number(name, larger, "from_cm")
        if abs(start - end) > MAX_GAP_CM:
            sentence = (
                f"The chart {name}: {smaller['size']} ends at {end} cm and {larger['size']} begins at {start} cm."
            )
            raise ChartCsvError(public_message=sentence)
        bounds.append((start + end) / 2)
    return tuple(bounds)


def _garment_bounds(name: str, lines: Sequence[dict[str, str]]) -> tuple[float, ...]:
    """Return the middles between neighbouring sizes: each body wears the garment that is nearest to the wanted ease."""
    values = [_number(name, line, "garment_cm") for line in lines]
    return tuple((smaller + larger) / 2 for smaller, larger in itertools.pairwise(values))


def _number(name: str, line: dict[str, str], column: str) -> float:
    text = line.get(column, "")
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        sentence = f"The chart {name}, size {line['size']}: {column} is {text or 'missing'}; it must be a number."
        raise ChartCsvError(public_message=sentence) from error


def _name(brand: str, garment: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{brand} {garment}".lower()).strip("-") or "own"
