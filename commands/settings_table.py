"""`manage.py settings`: every setting with its meaning, type and default, as the tables of `docs/settings.md`."""

from __future__ import annotations

import types
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr

from commands.outcome import CommandError, CommandOutcome
from providers.environment import ROOT, EnvironmentSettings
from providers.images.registry import settings_models
from settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

#: The first setting of each section of `settings.py`, and the section's heading.
SECTIONS = {
    "tryon_providers": "Providers of each product",
    "redis_url": "Redis, database and storage",
    "whatsapp_phone_number_id": "Delivery",
    "ai_mock_mode": "Image providers",
    "worker_concurrency": "Workers and jobs",
    "fetch_allowed_networks": "Fetching pictures",
    "watermark_text": "Watermark and credit line",
    "scratch": "Scratch store and HTTP",
    "pose_model_path": "Size recommendation",
    "data_dir": "Disk and logs",
}
#: The lines of a page between which the tables stand.
BEGIN, END = "<!-- begin: python manage.py settings -->\n", "\n<!-- end: python manage.py settings -->"
_TYPES = {int: "integer", float: "number", str: "text", bool: "true or false", Path: "path", SecretStr: "secret"}


def settings_table() -> CommandOutcome:
    """List all settings: Markdown for a person, one object per setting as data."""
    tables = dict(_tables())
    return CommandOutcome({"settings": [row for rows in tables.values() for row in rows]}, markdown(tables))


def update_page(page: Path) -> CommandOutcome:
    """Replace the tables of a Markdown page.

    Raises:
        CommandError: The page does not exist or has no begin and end lines.
    """
    text = page.read_text() if page.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise CommandError(f"{page} has no lines '{BEGIN.strip()}' and '{END.strip()}'.")
    page.write_text(before + begin + markdown() + end + after)
    return CommandOutcome({"page": str(page)}, f"The tables in {page} are current.")


def markdown(tables: dict[str, list[dict[str, str]]] | None = None) -> str:
    """Return one Markdown table per section, by default of all settings."""
    parts = []
    for heading, rows in (dict(_tables()) if tables is None else tables).items():
        parts.append(f"## {heading}\n\n| setting | meaning | type | default |\n|---|---|---|---|")
        parts[-1] += "".join(
            f"\n| `{row['name']}` | {row['meaning']} | {row['type']} | {row['default']} |" for row in rows
        )
    return "\n\n".join(parts)


def _tables() -> Iterator[tuple[str, list[dict[str, str]]]]:
    fields = Settings.model_fields
    starts = [name for name in fields if name in SECTIONS]
    names = list(fields)
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        section = names[names.index(start) : names.index(end) if end else None]
        yield SECTIONS[start], list(_rows(Settings, section))
    listed = set(Settings.variables().values())
    for provider, model in settings_models().items():
        own = [name for name, variable in model.variables().items() if variable not in listed]
        if own:
            yield f"Image provider {provider}", list(_rows(model, own))


def _rows(model: type[EnvironmentSettings], names: list[str]) -> Iterator[dict[str, str]]:
    for name in names:
        field = model.model_fields[name]
        yield {
            "name": model.variables()[name],
            "meaning": _escape(field.description or ""),
            "type": _escape(_type(name, field)),
            "default": _default(field.default),
        }


def _type(name: str, field: FieldInfo) -> str:
    unit = {"_s": "seconds", "_bytes": "bytes", "_px": "pixels", "_usd": "US dollars"}
    kind = _type_name(field.annotation)
    if kind in {"integer", "number"}:
        return next((word for suffix, word in unit.items() if name.endswith(suffix)), kind)
    return kind


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, types.UnionType}:
        return _type_name(next(kind for kind in arguments if kind is not type(None)))
    if origin is tuple:
        return "list, comma-separated"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return _TYPES[annotation]


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`" if value else "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Path):
        return f"`{value.relative_to(ROOT)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
