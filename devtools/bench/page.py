"""Write the figures as a self-contained page, and each plot as its own file."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from devtools.bench.baseline import change
from devtools.bench.plots import plots
from devtools.bench.targets import measured

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = Path(__file__).with_name("page.html")


def write(folder: Path, data: Mapping[str, Any], before: Mapping[str, Any]) -> Path:
    """Write `index.html` and `{part}.svg` to `folder`; return the path of the page."""
    drawn = plots(data)
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg)
    machine = data["machine"]
    page = Template(PAGE.read_text()).substitute(
        machine=escape(
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
            f"Python {machine['python']}"
        ),
        rows="".join(_rows(data, before)),
        compared="<th>baseline</th><th>change</th>" if before else "",
        plots="".join(f"<figure>{svg}</figure>" for svg in drawn.values()),
    )
    index = folder / "index.html"
    index.write_text(page)
    return index


def _rows(data: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    rows = []
    for target, figure in measured(data):
        kind = "" if target.bound is None else "ok" if target.met(figure) else "bad"
        cells = [
            f"<td>{escape(target.label)}</td>",
            f"<td>{target.wanted}</td>",
            f'<td class="{kind}">{figure:,g}</td>',
        ]
        if before:
            earlier = target.figure(before)
            cells += [f"<td>{'' if earlier is None else f'{earlier:,g}'}</td>", f"<td>{change(figure, earlier)}</td>"]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return rows
