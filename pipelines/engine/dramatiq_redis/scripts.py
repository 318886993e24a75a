"""The Lua scripts of the broker, one file each."""

from __future__ import annotations

from pathlib import Path


def load_script(name: str) -> str:
    """Return the text of `{name}.lua`."""
    return Path(__file__).with_name(f"{name}.lua").read_text()
