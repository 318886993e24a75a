"""`manage.py check`: validate settings and connections and report every problem, worst first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from commands import check_running, check_settings
from commands.check_row import CheckRow, fault, ok, tried, warning
from commands.migrate import buckets_of
from commands.outcome import CommandOutcome
from providers.images.retirement import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commands.check_supabase import DatabaseFinding
    from providers.environment import EnvironmentSettings
    from settings import Settings

HIDDEN = "(set, hidden)"
MARKS = {Level.OK: "[green]✓[/]", Level.WARNING: "[yellow]![/]", Level.FAULT: "[red]✗[/]"}
BY_WEIGHT = (Level.FAULT, Level.WARNING, Level.OK)


def check(settings: Settings, *, every_setting: bool = False) -> CommandOutcome:
    """Run all checks and report every fault; not ok if there is one.

    Args:
        settings: Settings to check.
        every_setting: List the settings with default values too.
    """
    rows = _rows(settings)
    read: list[EnvironmentSettings] = [settings, *check_settings.provider_settings()]
    by_level = {level: [row for row in rows if row.level is level] for level in BY_WEIGHT}
    faults = [f"{row.name}: {row.detail}" for row in by_level[Level.FAULT]]
    data = {
        "ok": not faults,
        "faults": faults,
        "warnings": [f"{row.name}: {row.detail}" for row in by_level[Level.WARNING]],
        "connections": {row.name: row.detail for row in rows},
        "settings": {name: _shown(value) for model in read for name, (value, _) in _values(model).items()},
    }
    in_order = [row for level in BY_WEIGHT for row in by_level[level]]
    view = Group(
        _verdict(len(faults), len(by_level[Level.WARNING])), "", _findings(in_order), "",
        *_settings(read, every_setting=every_setting),
    )  # fmt: skip
    return CommandOutcome(data, view, ok=not faults)


def _rows(settings: Settings) -> list[CheckRow]:
    made = check_settings.providers(settings)
    wanted = [product for product in made.listed if made.listed[product]]
    running = check_running.rows(settings, wanted)
    return [
        *running,
        *(_database_rows(settings) if any(row.name == "database" and row.level is Level.OK for row in running) else []),
        tried("data folder", lambda: check_settings.data_folder(settings)),
        tried("storage", lambda: check_settings.storage(settings)),
        *(check_settings.product(settings, made, product) for product in made.listed),
        tried("provider limits", lambda: check_settings.limits(settings)),
        *_models(settings, made.providers),
        *_supabase(settings),
        tried("pose model", lambda: check_settings.pose_model(settings)),
        tried("http access", lambda: check_settings.http_access(settings)),
        tried(".env", lambda: check_settings.env_file(settings)),
    ]


def _models(settings: Settings, names: Iterable[str]) -> list[CheckRow]:
    if settings.ai_mock_mode:
        return []
    from commands.check_models import check_models  # noqa: PLC0415  loads the providers' SDKs, which mock mode does not need

    found = asyncio.run(check_models(settings, names))
    return [CheckRow(f"model of {name}", item.level, item.sentence) for name, item in found.items()]


def _database_rows(settings: Settings) -> list[CheckRow]:
    from commands.check_supabase import check_database  # noqa: PLC0415  takes half a second

    url = check_running.database_url(settings)
    if url is None:
        return []
    timeout_s = settings.supabase_timeout_s
    return _graded(asyncio.run(check_database(url, products=settings.products, timeout_s=timeout_s)))


def _supabase(settings: Settings) -> list[CheckRow]:
    if settings.supabase_url is None or settings.supabase_service_role_key is None:
        return []
    from commands.check_supabase import check_supabase  # noqa: PLC0415  takes half a second

    found = asyncio.run(
        check_supabase(
            settings.supabase_url,
            settings.supabase_service_role_key.get_secret_value(),
            buckets_of(settings),
            products=settings.products,
            records=settings.database_url is None,
            timeout_s=settings.supabase_timeout_s,
        )
    )
    return _graded(found)


def _graded(found: Iterable[DatabaseFinding]) -> list[CheckRow]:
    return [(fault if not row.ok else warning if row.risk else ok)(row.name, row.detail) for row in found]


def _verdict(faults: int, warnings: int) -> str:
    if faults:
        more = f", and {_count(warnings, 'warning')}" if warnings else ""
        return f"[bold red]{_count(faults, 'fault')}[/]{more}."
    if warnings:
        return f"[bold yellow]No fault, {_count(warnings, 'warning')}.[/]"
    return "[bold green]No problems found.[/]"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _findings(rows: Iterable[CheckRow]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(MARKS[row.level], row.name, escape(row.detail))
    return table


def _values(settings: EnvironmentSettings) -> dict[str, tuple[Any, bool]]:
    """Return value and whether it is set, by environment variable."""
    fields = type(settings).variables().items()
    return {variable: (getattr(settings, name), name in settings.model_fields_set) for name, variable in fields}


def _settings(read: Iterable[EnvironmentSettings], *, every_setting: bool) -> list[Table | str]:
    values = {name: item for settings in read for name, item in _values(settings).items()}
    names = [name for name, (_, is_set) in values.items() if every_setting or is_set]
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name in names:
        value, is_set = _shown(values[name][0]), values[name][1]
        style = "" if is_set else "dim"
        table.add_row(name, escape("" if value is None else str(value)), style=style)
    heading = "[bold]Settings[/]" if every_setting else "[bold]Settings in use[/] (--all lists every setting)"
    return [heading, table if names else "none: all settings have default values"]


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    return value if value is None or isinstance(value, bool | int | float) else ",".join(_words(value))


def _words(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, tuple) else [str(value)]
