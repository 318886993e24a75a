"""HTTP client of Supabase for records and storage: HTTP/1.1, bounded keep-alive, a deadline for every call."""

from __future__ import annotations

import httpx
from supabase import AsyncClient, AsyncClientOptions, AsyncSupabaseException

from schemas.errors import Invalid

#: Idle connections are dropped before gateways drop theirs, seconds.
KEEP_ALIVE_S = 15.0
#: Statuses of temporary failures: the call may be repeated.
_BUSY = frozenset({408, 425, 429})
_SERVER_ERROR = 500


class NotNowError(httpx.TransportError):
    """The response is a temporary failure, or does not come from Supabase."""


def http_client(*, timeout_s: float, max_connections: int) -> httpx.AsyncClient:
    """Return a pool of connections that belongs to one event loop.

    Args:
        timeout_s: Maximum wait for a connection, and between two parts of a response. Callers set the deadline of the
            whole call.
        max_connections: Maximum number of connections, and of idle connections kept open.
    """
    return httpx.AsyncClient(
        http2=False,  # Supabase's gateway closes idle HTTP/2 connections under requests
        timeout=httpx.Timeout(timeout_s),
        limits=httpx.Limits(
            max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=KEEP_ALIVE_S
        ),
        # A proxy of the environment is meant for other machines.
        mounts={"all://127.0.0.1": None, "all://localhost": None},
        event_hooks={"response": [_expect_an_answer]},
    )


def supabase_client(url: str, key: str, http: httpx.AsyncClient) -> AsyncClient:
    """Return Supabase's client over `http`, without its own retries.

    Raises:
        Invalid: `url` is no address.
    """
    options = AsyncClientOptions(
        httpx_client=http, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
    )
    try:
        return AsyncClient(url, key, options)
    except AsyncSupabaseException as error:
        raise Invalid(f"SUPABASE_URL can't be used: {error.message}", code="supabase_url") from error


async def _expect_an_answer(response: httpx.Response) -> None:
    if response.status_code in _BUSY or response.status_code >= _SERVER_ERROR:
        raise NotNowError(f"HTTP {response.status_code}")
    # A page of a gateway or a captive portal is not a result, even with status 200.
    has_body = response.is_success and response.status_code != httpx.codes.NO_CONTENT
    if has_body and "json" not in response.headers.get("content-type", ""):
        raise NotNowError("the answer is not JSON")
