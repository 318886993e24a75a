"""PostgREST's errors: `{"code", "details", "hint", "message"}` and the HTTP status of each code.

See https://docs.postgrest.org/en/latest/references/errors.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devtools.supabase_emulator.wire import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

#: HTTP statuses by SQLSTATE or its first two characters; all others are 400.
_STATUSES = {
    "23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404, "42P17": 500, "53400": 500, "P0001": 400,
    "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500,
    "40": 500, "53": 503, "54": 500, "55": 500, "57": 500, "58": 500, "F0": 500, "HV": 500, "P0": 500, "XX": 500,
}  # fmt: skip


def token_refused() -> Reply:
    """Return the error for a token that is not signed with this project's secret."""
    return _unauthorized("PGRST301", "JWSError JWSInvalidSignature")


def token_expired() -> Reply:
    """Return the error for an expired token."""
    return _unauthorized("PGRST303", "JWT expired")


def unknown_role(role: str) -> Reply:
    """Return the error for a token whose role does not exist."""
    return _reply(401, "22023", f'role "{role}" does not exist')


def body_refused() -> Reply:
    """Return the error for a body that is not a JSON object."""
    return _reply(400, "PGRST102", "Empty or invalid json")


def pool_exhausted() -> Reply:
    """Return the error for a timeout while waiting for a database connection."""
    return _reply(504, "PGRST003", "Timed out acquiring connection from connection pool.")


def function_missing(name: str, arguments: Iterable[str]) -> Reply:
    """Return the error for a missing function, or one with other arguments."""
    names = ", ".join(sorted(arguments))
    return _reply(
        404,
        "PGRST202",
        f"Could not find the function public.{name}({names}) in the schema cache",
        f"Searched for the function public.{name} with parameters {names} or with a single unnamed json/jsonb "
        "parameter, but no matches were found in the schema cache.",
    )


def database_error(error: psycopg.Error, *, anonymous: bool) -> Reply:
    """Return the error for a failed statement or an unreachable database."""
    state = error.sqlstate
    if state is None:
        return _reply(503, "PGRST000", "Database connection error. Retrying the connection.")
    if state == "42501":
        status = 401 if anonymous else 403
    else:
        status = next((_STATUSES[state[:n]] for n in (5, 2) if state[:n] in _STATUSES), 400)
    diagnosis = error.diag
    return _reply(status, state, diagnosis.message_primary, diagnosis.message_detail, diagnosis.message_hint)


def _unauthorized(code: str, message: str) -> Reply:
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return json_reply(
        401,
        {"code": code, "details": None, "hint": None, "message": message},
        {"www-authenticate": challenge},
    )


def _reply(status: int, code: str, message: str | None, details: str | None = None, hint: str | None = None) -> Reply:
    return json_reply(
        status,
        {"code": code, "details": details, "hint": hint, "message": message},
        {"proxy-status": f"PostgREST; error={code}"},
    )
