"""The error for a missing SQL function."""

from __future__ import annotations

from providers.records.base import DatabaseRefused
from providers.records.migrate import migrations


def function_missing(function: str) -> DatabaseRefused:
    """Return the error that names the migration to apply."""
    names = [item.name for item in migrations() if f"create or replace function {function}(" in item.text]
    made_by = f" ({names[-1]})" if names else ""
    return DatabaseRefused(
        f"the function {function} is missing: run `python manage.py migrate`{made_by}",
        code="function_missing",
        function=function,
    )
