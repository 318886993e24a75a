"""Calls of the database functions over PostgREST, the REST interface of Supabase."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from postgrest.exceptions import APIError

from providers.records.base import DatabaseRefused, DatabaseUnavailable
from providers.records.missing import function_missing
from providers.records.transient import is_transient
from providers.supabase import http_client, supabase_client

#: The key was refused: wrong project, expired, invalid claims, or missing.
_KEY_REFUSED = frozenset({"PGRST301", "PGRST302", "PGRST303", "401"})
_FUNCTION_MISSING = frozenset({"PGRST202", "42883"})
_NOT_PERMITTED = "42501"
SQLSTATE_LENGTH = 5


class SupabaseRpc:
    """Calls functions through HTTP connections that belong to one event loop."""

    def __init__(self, url: str, key: str, *, max_connections: int = 8, timeout_s: float = 10.0) -> None:
        """Configure the client; it connects on first use, on the loop of the first caller.

        Args:
            url: SUPABASE_URL.
            key: SUPABASE_SERVICE_ROLE_KEY.
            max_connections: Maximum number of connections.
            timeout_s: Total seconds for one call.

        Raises:
            Invalid: `url` is not a valid URL.
        """
        self._timeout_s = timeout_s
        self._http = http_client(timeout_s=timeout_s, max_connections=max_connections)
        self._client = supabase_client(url, key, self._http)

    async def call(self, function: str, **arguments: Any) -> Any:
        """See `Rpc.call`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.rpc(function, arguments).execute()
        except APIError as error:
            raise _error(function, error) from error
        except (httpx.HTTPError, TimeoutError, UnicodeDecodeError) as error:
            raise DatabaseUnavailable(f"{function}: {_reason(error)}", function=function) from error
        return response.data

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _error(function: str, error: APIError) -> DatabaseRefused | DatabaseUnavailable:
    code = error.code or ""
    # Answers without an SQLSTATE have the HTTP status as their code.
    if len(code) == SQLSTATE_LENGTH and is_transient(code):
        return DatabaseUnavailable(f"{function}: {code}", function=function)
    if code in _FUNCTION_MISSING and function in (error.message or ""):
        return function_missing(function)
    if code in _KEY_REFUSED or (not code and "key" in (error.message or "").lower()):
        return DatabaseRefused(f"{function}: SUPABASE_SERVICE_ROLE_KEY is not accepted", code="key_refused")
    if code == _NOT_PERMITTED:
        return DatabaseRefused(
            f"{function}: SUPABASE_SERVICE_ROLE_KEY is not the service role's, or `python manage.py migrate` has not "
            "given it the right to call this",
            code="key_refused",
        )
    return DatabaseRefused(f"{function}: {code or 'refused without a code'}", function=function, sqlstate=code or None)


def _reason(error: Exception) -> str:
    # Messages of httpx may contain the URL; report the type only.
    return f"{type(error).__name__} {error}" if type(error).__name__ == "NotNowError" else type(error).__name__
