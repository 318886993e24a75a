"""Texts of strangers inside a prompt of ours: each stays in its place, between quotes it can't close."""

from __future__ import annotations

import unicodedata

#: What could be read as the closing quote, beside all of Unicode's initial and final quotes.
_QUOTES = frozenset('"`\u00b4\u201a\u201e\u275d\u275e\u2e42\u301d\u301e\u301f\uff02')
_QUOTE_CATEGORIES = frozenset({"Pi", "Pf"})
#: Controls, invisible formatting (direction marks, zero widths), private use and unassigned.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})


def plain(text: str, limit: int) -> str:
    """One line of visible characters without double quotes, at most `limit` characters, cut between words."""
    visible = "".join(map(_visible, text))
    line = " ".join(visible.split())
    if len(line) <= limit:
        return line
    return line[: limit - 1].rsplit(" ", 1)[0].rstrip() + "…"


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if char in _QUOTES or category in _QUOTE_CATEGORIES:
        return "'"
    return " " if category in _INVISIBLE else char


def quoted(text: str, limit: int) -> str:
    """The plain text between double quotes, which it can't close."""
    return f'"{plain(text, limit)}"'
