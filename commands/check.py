"""`manage.py check`: every setting and every connection, all faults at once."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import psycopg
import redis
from pydantic import SecretStr
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from commands.outcome import Outcome
from pipelines.products import PRODUCTS
from providers.embedded import attach
from providers.images.retirement import Level
from providers.records.migrate import migrations, pending
from providers.redis_clients import sync_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from commands.check_supabase import Row
    from providers.images.retirement import Finding
    from settings import Settings

HIDDEN = "(set, hidden)"
EMBEDDED = "embedded: `python manage.py up` starts it"
#: The key that each paid provider needs.
PROVIDER_KEYS = {"openai": "openai_api_key", "replicate": "replicate_api_token"}


def check(settings: Settings) -> Outcome:
    """Look at everything; exit code 1 with every fault named."""
    probes: dict[str, Callable[[Settings], str]] = {
        "redis": _redis,
        "database": _database,
        "data folder": _data_folder,
        "providers": _providers,
    }
    found, faults = {}, []
    for name, probe in probes.items():
        try:
            found[name] = probe(settings)
        except (redis.RedisError, psycopg.Error, OSError, ValueError) as error:
            found[name] = f"{type(error).__name__}: {_one_line(error)}"
            faults.append(f"{name}: {found[name]}")
    for name, model in _models(settings).items():
        found[f"model of {name}"] = model.sentence if model.level is Level.OK else f"{model.level}: {model.sentence}"
        if model.level is Level.FAULT:
            faults.append(f"model of {name}: {model.sentence}")
    for row in _supabase(settings):
        found[row.name] = row.detail
        if not row.ok:
            faults.append(f"{row.name}: {row.detail}")
    shown = {name.upper(): _shown(getattr(settings, name)) for name in type(settings).model_fields}
    data = {"ok": not faults, "faults": faults, "connections": found, "settings": shown}
    return Outcome(data, _view(settings, found, faults), ok=not faults)


def _redis(settings: Settings) -> str:
    served = attach(settings.data_dir)
    url = settings.redis_url.get_secret_value() if settings.redis_url else served.redis_url if served else None
    if url is None:
        return EMBEDDED
    with sync_client(url) as client:
        return f"answers, version {client.info('server')['redis_version']}"


def _database(settings: Settings) -> str:
    served = attach(settings.data_dir)
    url = settings.database_url.get_secret_value() if settings.database_url else served.database_url if served else None
    if url is None:
        return "Supabase" if settings.supabase_url else EMBEDDED
    with psycopg.connect(url, connect_timeout=5) as connection:
        missing = pending(connection)
    if missing:
        raise ValueError(f"not applied: {', '.join(missing)}; run `python manage.py migrate`")
    return f"answers, {len(migrations())} migrations applied"


def _models(settings: Settings) -> dict[str, Finding]:
    if settings.ai_mock_mode:
        return {}
    from commands.check_models import check_models  # noqa: PLC0415  loads the providers' SDKs, for their users only

    chosen = {*settings.tryon_providers, *settings.avatar_providers, *settings.images_providers}
    return asyncio.run(check_models(settings, chosen))


def _supabase(settings: Settings) -> list[Row]:
    if settings.supabase_url is None or settings.supabase_service_role_key is None:
        return []
    from commands.check_supabase import check_supabase  # noqa: PLC0415  takes half a second, for its users only

    return asyncio.run(
        check_supabase(
            settings.supabase_url,
            settings.supabase_service_role_key.get_secret_value(),
            sorted({spec.bucket for spec in PRODUCTS.values()}),
            records=settings.database_url is None,
            timeout_s=settings.supabase_timeout_s,
        )
    )


def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir.resolve()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        raise PermissionError(f"{existing} can't be written to")
    return str(folder)


def _providers(settings: Settings) -> str:
    if settings.ai_mock_mode:
        return "mock: nothing is paid for (AI_MOCK_MODE)"
    chosen = {*settings.tryon_providers, *settings.avatar_providers, *settings.images_providers}
    missing = [key.upper() for name, key in PROVIDER_KEYS.items() if name in chosen and not getattr(settings, key)]
    if missing:
        raise ValueError(f"{', '.join(missing)} not set, and AI_MOCK_MODE is false")
    return ", ".join(sorted(chosen))


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    return value if value is None or isinstance(value, bool | int | float) else ",".join(_words(value))


def _words(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, tuple) else [str(value)]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _view(settings: Settings, found: dict[str, str], faults: list[str]) -> Group:
    table = Table("setting", "value", "what it is for", show_lines=False)
    for name, field in type(settings).model_fields.items():
        value = _shown(getattr(settings, name))
        style = "bold" if name in settings.model_fields_set else "dim"
        table.add_row(name.upper(), escape("" if value is None else str(value)), field.description, style=style)
    lines = [f"[red]✗[/] {name}: {escape(said)}" if any(fault.startswith(f"{name}: ") for fault in faults) else
             f"[green]✓[/] {name}: {escape(said)}" for name, said in found.items()]  # fmt: skip
    return Group(table, *lines)
