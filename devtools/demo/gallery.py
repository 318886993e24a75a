"""Gallery page of the demo: inputs and results of each task, in a self-contained folder."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from devtools.demo import chat, contact_sheet
from devtools.demo.table import STAGES, credits_of
from schemas.common import Product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.demo.task import Input, Result

PAGE = Path(__file__).with_name("gallery.html")
SUMMARY = (
    "Each result comes from a task that was pushed to a Redis list or ordered over HTTP: try-on pictures of shoppers "
    "and shops, avatar photos in chats, and a batch of product pictures. Three tasks fail on purpose: they show the "
    "message for the user and the refund of the credit."
)
CHANNELS = {"b2c": "shopper", "b2b": "shop"}


def write(folder: Path, results: Sequence[Result], seconds: float) -> Path:
    """Write the page into `folder`, which holds the pictures already, and return its path."""
    (folder / "inputs").mkdir(exist_ok=True)
    page = Template(PAGE.read_text()).substitute(
        summary=SUMMARY,
        figures=_figures(results, seconds),
        cards="\n".join(_card(folder, result) for result in results if result.task.product is Product.TRYON),
        chats=chat.threads(folder, results),
        sheets=contact_sheet.sheets(folder, results),
        legend="".join(f'<span><i class="{stage}"></i>{stage}</span>' for stage in STAGES),
    )
    index = folder / "index.html"
    index.write_text(page)
    return index


def _figures(results: Sequence[Result], seconds: float) -> str:
    figures = {
        "pictures": sum(len(result.pictures) for result in results),
        "expected failures": sum(result.status == "failed" for result in results),
        "credits refunded": sum(result.refunded for result in results),
        "seconds": f"{seconds:.1f}",
    }
    return "".join(f"<div><dt>{name}</dt><dd>{figure}</dd></div>" for name, figure in figures.items())


def _card(folder: Path, result: Result) -> str:
    task = result.task
    inputs = "".join(_input(folder, item) for item in task.inputs)
    channel = CHANNELS.get(task.channel, task.channel)
    return (
        f'<article class="{escape(result.status)}"><div class="pair">{_outcome(folder, result)}'
        f'<div class="inputs">{inputs}</div></div>'
        f'<div class="text"><div><h2>{escape(task.prompt)}</h2><p>{escape(task.title)}</p></div>'
        f'<div class="bar">{_bar(result)}</div>'
        f'<div class="facts"><span>{escape(channel)}, {task.sent_by}</span><span>{result.seconds:.1f} s</span>'
        f'<span class="{"refund" if result.refunded else "spent"}">{_credits(result)}</span></div></div></article>'
    )


def _outcome(folder: Path, result: Result) -> str:
    if result.picture:
        link = escape(result.picture.relative_to(folder).as_posix())
        return (
            f'<a class="result" href="{link}"><img src="{link}" alt="{escape(result.task.prompt)}" loading="lazy"></a>'
        )
    return f'<div class="refusal"><b>Message for the user</b><q>{escape(result.message or result.status)}</q></div>'


def _input(folder: Path, item: Input) -> str:
    label = escape(item.label)
    if item.file.suffix == ".txt":
        shown = f'<div class="nopicture">{escape(item.file.suffix)}</div>'
    else:
        copy = folder / "inputs" / item.file.name
        if not copy.exists():
            shutil.copyfile(item.file, copy)
        link = quote(f"inputs/{item.file.name}")
        shown = f'<a href="{link}"><img src="{link}" alt="{label}" loading="lazy"></a>'
    return f"<figure>{shown}<figcaption>{label}</figcaption></figure>"


def _bar(result: Result) -> str:
    spent = [(stage, result.stages_s[stage]) for stage in STAGES if stage in result.stages_s]
    return "".join(
        f'<i class="{stage}" style="flex:{seconds:.3f}" title="{stage} {seconds:.2f} s"></i>'
        for stage, seconds in spent
    )


def _credits(result: Result) -> str:
    count, word = credits_of(result).split(" ", 1)
    return f"{count} credit{'' if count == '1' else 's'} {word}"
