"""Plots as plain SVG without scripts, fonts or external addresses; light or dark by the reader's preference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 56, 44
#: Height of a row of bars, and the left edge of the bars.
ROW, BARS_LEFT = 34, 232
SERIES = ("one", "two", "three")
STYLE = """<style>
.p{--ink:#1c1d22;--dim:#6d7079;--grid:#e3e4e8;--one:#3a5ce0;--two:#d9622b;--three:#1d8a6a;--ok:#1d8a6a;--bad:#c73a3a}
@media(prefers-color-scheme:dark){.p{--ink:#eceef2;--dim:#9599a5;--grid:#30333c;--one:#86a0ff;--two:#ff9d6b;
--three:#5fd0ac;--ok:#5fd0ac;--bad:#ff8080}}
.p text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--dim)}
.p .title{font-size:15px;font-weight:600;fill:var(--ink)}.p .value{fill:var(--ink);font-weight:600}
.p .grid{stroke:var(--grid)}.p .bound{stroke:var(--ink);stroke-dasharray:4 3;opacity:.6}
.p path{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.p .one{stroke:var(--one)}.p .two{stroke:var(--two)}.p .three{stroke:var(--three)}
.p rect.one,.p circle.one{fill:var(--one)}.p rect.two,.p circle.two{fill:var(--two)}
.p rect.three,.p circle.three{fill:var(--three)}.p rect{stroke:none}
.p rect.ok{fill:var(--ok)}.p rect.bad{fill:var(--bad)}.p rect.back{fill:var(--grid)}
</style>"""


@dataclass(frozen=True, slots=True)
class PlotLine:
    """One series of points; x and y have the same length."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, length, text at the end, and colour (`one` to `three`, `ok` or `bad`)."""

    name: str
    value: float
    text: str
    colour: str = "one"


def lines(title: str, series: Sequence[PlotLine], *, x: str, y: str, bound: float | None = None) -> str:
    """Plot lines over axes from 0; `bound` draws a level for comparison."""
    top_x = _round_up(max(max(line.x) for line in series))
    top_y = _round_up(max([*(max(line.y) for line in series), bound or 0]))

    def at(across: float, up: float) -> str:
        return (
            f"{LEFT + max(0.0, across) / top_x * (WIDTH - LEFT - RIGHT):.1f},"
            f"{HEIGHT - BOTTOM - max(0.0, up) / top_y * (HEIGHT - TOP - BOTTOM):.1f}"
        )

    parts = [_grid(top_x, top_y), _text(WIDTH - RIGHT, HEIGHT - 8, x, "end"), _text(LEFT, TOP - 10, y)]
    if bound is not None:
        parts.append(f'<path class="bound" d="M{at(0, bound)} L{at(top_x, bound)}"/>')
    for colour, line in zip(SERIES, series, strict=False):
        points = " L".join(at(across, up) for across, up in zip(line.x, line.y, strict=True))
        parts.append(f'<path class="{colour}" d="M{points}"/>')
    return _svg(title, HEIGHT, "".join([*parts, _legend([line.name for line in series])]))


def bars(title: str, series: Sequence[Bar], *, bound: float | None = None) -> str:
    """Plot horizontal bars from 0; `bound` draws a length for comparison."""
    longest = max([*(bar.value for bar in series), bound or 0]) or 1
    scale = (WIDTH - BARS_LEFT - 90) / longest
    height = TOP + ROW * len(series) + 16
    parts = []
    for number, bar in enumerate(series):
        y, length = TOP + ROW * number, max(2, bar.value * scale)
        parts += [
            _text(BARS_LEFT - 12, y + 17, bar.name, "end"),
            f'<rect class="{bar.colour}" x="{BARS_LEFT}" y="{y + 3}" width="{length:.1f}" height="20" rx="4"/>',
            _text(BARS_LEFT + length + 8, y + 17, bar.text, kind="value"),
        ]
    if bound is not None:
        across = BARS_LEFT + bound * scale
        parts.append(f'<path class="bound" d="M{across:.1f},{TOP - 6} V{height - 10}"/>')
    return _svg(title, height, "".join(parts))


def _svg(title: str, height: float, body: str) -> str:
    return (
        f'<svg class="p" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img"'
        f' aria-label="{escape(title)}">{STYLE}{_text(0, 18, title, kind="title")}{body}</svg>'
    )


def _grid(top_x: float, top_y: float, steps: int = 4) -> str:
    parts = []
    for step in range(steps + 1):
        y = HEIGHT - BOTTOM - step / steps * (HEIGHT - TOP - BOTTOM)
        x = LEFT + step / steps * (WIDTH - LEFT - RIGHT)
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
            _text(LEFT - 10, y + 4, f"{top_y * step / steps:,g}", "end"),
            _text(x, HEIGHT - BOTTOM + 18, f"{top_x * step / steps:,g}", "middle"),
        ]
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    parts, x = [], float(WIDTH - RIGHT)
    for colour, name in reversed(list(zip(SERIES, names, strict=False))):
        x -= 7 * len(name) + 22
        parts.append(f'<circle class="{colour}" cx="{x:.0f}" cy="{TOP - 14}" r="5"/>{_text(x + 10, TOP - 10, name)}')
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _round_up(value: float) -> float:
    """Return the next larger number whose quarters have few digits."""
    power: float = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * power >= value)
