"""Check settings and files of this machine, for `manage.py check`."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from pydantic import ValidationError

from commands import http_service
from commands.check_row import CheckRow, fault, ok, warning
from providers.images.provider_set import ProviderSet, make_providers
from providers.images.registry import settings_models
from providers.images.routing.limits import parse_limits
from providers.pose.bundle import installed_pose_model, require_bundle
from settings import every_setting

if TYPE_CHECKING:
    from providers.images.config import ProviderSettings
    from schemas.common import Product
    from settings import Settings


#: Variables of `.env` that only podman-compose.yml and deploy/update.sh read.
DEPLOYMENT = frozenset({
    "DARKROOM_IMAGE", "GENERATE_CPUS", "GENERATE_MEMORY", "HTTP_BIND", "HTTP_CPUS", "HTTP_MEMORY", "HTTP_PORT",
    "PIXELS_CPUS", "PIXELS_MEMORY", "POSTGRES_CPUS", "POSTGRES_IMAGE", "POSTGRES_MEMORY", "REDIS_IMAGE",
    "REDIS_MAXMEMORY", "REDIS_MEMORY", "REST_CPUS", "REST_MEMORY", "SECRETS_FOLDER", "STOP_GRACE", "WEB_CONCURRENCY",
})  # fmt: skip


def env_file(settings: Settings) -> CheckRow:
    """Check `.env` for unknown settings, which are ignored, so that a misspelt one has no effect."""
    path = type(settings).model_config.get("env_file")
    if not isinstance(path, Path | str) or not Path(path).is_file():
        return ok(".env", "no file; environment and defaults apply")
    known = {*every_setting(), *DEPLOYMENT}
    unknown = [name for name in dotenv_values(path, interpolate=False) if name.upper() not in known]
    near = {name: difflib.get_close_matches(name.upper(), known, 1, cutoff=0.8) for name in unknown}
    misspelt = [f"{name} (did you mean {match[0]}?)" for name, match in near.items() if match]
    if misspelt:
        return fault(".env", f"unknown settings: {', '.join(misspelt)}")
    if unknown:
        return warning(".env", f"unknown settings, ignored: {', '.join(unknown)}")
    return ok(".env", f"{path}: all settings are known")


def data_folder(settings: Settings) -> CheckRow:
    """Check whether DATA_DIR, or the folder it would be created in, is writable."""
    return _writable("data folder", settings.data_dir)


def storage(settings: Settings) -> CheckRow:
    """Check the storage of finished pictures; Supabase buckets have rows of their own."""
    if settings.supabase_url:
        return ok("storage", "Supabase")
    return _writable("storage", settings.data_dir / "storage")


def _writable(name: str, folder: Path) -> CheckRow:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return fault(name, f"{existing} is a file, so {folder} can't be a folder: set DATA_DIR to another one")
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"darkroom")
    except OSError as error:
        return fault(name, f"{existing} can't be written to ({error.strerror}): set DATA_DIR to another folder")
    return ok(name, str(folder))


def http_access(settings: Settings) -> CheckRow:
    """Check whether the HTTP service would listen on HOST and PORT."""
    if reason := http_service.access_fault(settings):
        return fault("http access", reason)
    tokens = "with tokens" if settings.api_token or settings.api_tokens else "open to this machine only"
    return ok("http access", f"{settings.host} port {settings.port}, {tokens}")


def limits(settings: Settings) -> CheckRow:
    """Check whether the providers' limits and budgets can be parsed."""
    found = parse_limits(
        rpm=settings.provider_rpm, concurrency=settings.provider_concurrency, daily_usd=settings.provider_daily_usd
    )
    return ok("provider limits", f"for {', '.join(sorted(found))}" if found else "none")


def pose_model(settings: Settings) -> CheckRow:
    """Check whether the pose model of the size recommendation is installed."""
    path = installed_pose_model(settings.data_dir, settings.pose_model_path)
    if not path.is_file():
        sentence = (
            "missing, so /estimate-body answers 503: run `python manage.py pose-model`, then restart the HTTP service"
        )
        return warning("pose model", sentence)
    require_bundle(path)
    return ok("pose model", str(path))


def providers(settings: Settings) -> ProviderSet:
    """Create the configured providers."""
    made = make_providers(settings)
    asyncio.run(made.aclose())
    return made


def provider_settings() -> list[ProviderSettings]:
    """Return the settings of all image providers, as read from the environment; invalid ones are left out."""
    found = []
    for model in settings_models().values():
        # `settings.load` has reported the faults of the providers in use.
        with contextlib.suppress(ValidationError):
            found.append(model())
    return found


def product(settings: Settings, made: ProviderSet, product: Product) -> CheckRow:
    """Check whether the product has a provider, and which listed providers are skipped."""
    if reason := made.reason_off(product):
        return fault(product, reason) if made.listed[product] else ok(product, reason)
    passed_over = made.passed_over(product)
    names = [provider.name for provider in made.of(product)]
    if all(name in passed_over for name in names):
        return fault(product, "; ".join(passed_over.values()))
    if passed_over:
        used = ", ".join(name for name in names if name not in passed_over)
        return warning(product, f"made by {used}; skipped: {'; '.join(passed_over.values())}")
    mock = "; AI_MOCK_MODE is on: no provider is called" if settings.ai_mock_mode else ""
    return ok(product, f"made by {', '.join(names)}{mock}")
