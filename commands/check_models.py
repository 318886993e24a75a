"""Check whether the providers still offer the configured models, for `manage.py check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.images.provider_set import make_provider
from providers.images.retirement import Finding, Level, finding, model_status, today
from schemas.errors import DarkroomError, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from settings import Settings


async def check_models(settings: Settings, providers: Iterable[str]) -> dict[str, Finding]:
    """Return a finding per provider; providers whose API does not report models are left out."""
    found = {name: await _check(settings, name) for name in sorted(set(providers))}
    return {name: item for name, item in found.items() if item}


async def _check(settings: Settings, name: str) -> Finding | None:
    try:
        provider = make_provider(name, settings)
    except DarkroomError as error:
        return Finding(level=Level.FAULT, sentence=str(error))
    try:
        status = await model_status(provider)
    except Invalid as error:
        return Finding(level=Level.FAULT, sentence=f"asking about the model: {error}")
    except DarkroomError as error:
        return Finding(level=Level.WARNING, sentence=f"asking about the model: {error}")
    finally:
        await provider.aclose()
    return finding(status, today()) if status else None
