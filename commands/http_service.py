"""Check whether the HTTP service can start, and whether it answers."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from commands.local.programs import ROOT
from schemas.http import Health

if TYPE_CHECKING:
    from settings import Settings

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, not bound to
TIMEOUT_S = 2.0


def access_fault(settings: Settings) -> str | None:
    """Return why the service would refuse to listen: invalid tokens, or none on a public address."""
    if str(ROOT / "http") not in sys.path:
        sys.path.append(str(ROOT / "http"))  # as gunicorn's configuration does
    from api.dependencies import make_tokens  # noqa: PLC0415  the same
    from api.middleware.access import TokensError  # noqa: PLC0415  the same
    from api.server import listen_guard as binding  # noqa: PLC0415  importable after the line above

    try:
        binding.check([(settings.host, settings.port)], guarded=bool(make_tokens(settings)))
    except (TokensError, binding.BindingError) as error:
        return str(error)
    return None


def port_fault(settings: Settings) -> str | None:
    """Return why the service can't listen on HOST and PORT now; None if it can."""
    try:
        with _bound(settings.host, settings.port):
            return None
    except OSError as error:
        reason = error.strerror or str(error)
        return (
            f"The HTTP service can't listen on {settings.host} port {settings.port} ({reason}): "
            "stop the program that uses it, or set HOST and PORT."
        )


def local_url(settings: Settings) -> str:
    """Return the address of the service for a client on this machine."""
    host = WILDCARDS.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def health(settings: Settings) -> Health | None:
    """Return the health of a running service; None if no Darkroom service answers."""
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            return Health.model_validate_json(client.get(f"{local_url(settings)}/health").content)
    except (httpx.HTTPError, ValidationError):
        return None


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1)
    except OSError:
        made.close()
        raise
    return made
