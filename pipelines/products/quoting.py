"""Quoting of untrusted text in prompts: the text can't close its quotes."""

from __future__ import annotations

import unicodedata

#: Characters that a model could read as a closing quote, besides Unicode's initial and final quotes.
_QUOTES = frozenset('"`\u00b4\u201a\u201e\u275d\u275e\u2e42\u301d\u301e\u301f\uff02')
_QUOTE_CATEGORIES = frozenset({"Pi", "Pf"})
#: Categories of controls, invisible formatting (direction marks, zero widths), private use, unassigned, surrogates.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})


def plain(text: str, limit: int) -> str:
    """Return `text` as one line of visible characters without double quotes.

    A line longer than `limit` characters is cut between words.
    """
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
    """Return `plain(text, limit)` in double quotes."""
    return f'"{plain(text, limit)}"'
