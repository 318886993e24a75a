"""`gunicorn -c http/gunicorn.conf.py`: serves `api.app` beside this file with gunicorn's own asgi worker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT / "http"), str(_ROOT)]

from api.dependencies import addresses, make_tokens  # noqa: E402
from api.middleware.access import TokensError  # noqa: E402
from api.server import listen_guard as binding  # noqa: E402  found by the lines above
from api.server import protocol as server  # noqa: E402  found by the lines above
from providers import logs  # noqa: E402
from providers.local_services import NotRunningError  # noqa: E402
from settings import SettingsError, load  # noqa: E402


def _refuse(reason: Exception) -> SystemExit:
    sys.stderr.write(f"The HTTP service can't start: {reason}\n")
    return SystemExit(1)


try:
    _settings = load()
    _tokens = make_tokens(_settings)
    addresses(_settings)
except (SettingsError, TokensError, NotRunningError) as _error:
    raise _refuse(_error) from None
logs.configure(level=_settings.log_level, style=_settings.log_format)

wsgi_app = "api.app:from_settings()"
pythonpath = "http"
worker_class = "asgi"
asgi_lifespan = "on"
bind = f"{f'[{_settings.host}]' if ':' in _settings.host else _settings.host}:{_settings.port}"

# Beyond this a worker answers 503; event streams count too.
worker_connections = 4096
backlog = 2048
# A worker that leaks is replaced before it matters; event streams move to the next worker with a hint.
max_requests = 200_000
max_requests_jitter = 20_000
# A worker that does not answer the master for this long is replaced, seconds.
timeout = 30
# Together with the second in which a worker notices SIGTERM: out within five, seconds.
graceful_timeout = 3
keepalive = 5
# How long a call goes on after its client left, seconds.
asgi_disconnect_grace_period = 1
limit_request_line = 8190
# It would lie in the home directory of whoever starts this.
control_socket_disable = True
# Requests are logged by the application, with request ids and without queries; the rest goes where its logs go.
accesslog = None
logger_class = "api.server.log.StructuredLogger"


def on_starting(arbiter: Any) -> None:
    """Refuse to be open to everybody, however the address was given."""
    try:
        binding.check(arbiter.cfg.address, guarded=bool(_tokens))
    except binding.BindingError as error:
        raise _refuse(error) from None


def post_worker_init(worker: Any) -> None:
    """Put deadlines around the worker's connections."""
    server.install(worker, worker.asgi)
