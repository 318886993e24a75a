"""`gunicorn -c http/gunicorn.conf.py`: serves `api.app` beside this file with gunicorn's own asgi worker."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT / "http"), str(_ROOT)]

from api.dependencies import make_tokens, service_urls  # noqa: E402
from api.middleware.access import TokensError  # noqa: E402
from api.server import listen_guard  # noqa: E402
from api.server.protocol import install  # noqa: E402  not as a module: gunicorn has a setting `protocol`
from providers import logs  # noqa: E402
from providers.local_services import NotRunningError  # noqa: E402
from settings import SettingsError, load  # noqa: E402


def _refuse(reason: Exception) -> SystemExit:
    sys.stderr.write(f"The HTTP service can't start: {reason}\n")
    return SystemExit(1)


try:
    _settings = load()
    _tokens = make_tokens(_settings)
    service_urls(_settings)
except (SettingsError, TokensError, NotRunningError) as _error:
    raise _refuse(_error) from None
logs.configure(level=_settings.log_level, style=_settings.log_format)

wsgi_app = "api.app:from_settings()"
pythonpath = "http"
worker_class = "asgi"
asgi_lifespan = "on"
bind = f"{f'[{_settings.host}]' if ':' in _settings.host else _settings.host}:{_settings.port}"

# Maximum connections per worker, event streams included; further ones are answered 503.
worker_connections = 4096
backlog = 2048
# Replace workers now and then in case one leaks memory; event streams reconnect to the next worker.
max_requests = 200_000
max_requests_jitter = 20_000
# Seconds without a heartbeat after which the master replaces a worker.
timeout = 30
# Seconds. A worker takes up to one second to notice SIGTERM: it exits within five.
graceful_timeout = 3
keepalive = 5
# Seconds that a call continues after its client disconnected.
asgi_disconnect_grace_period = 1
limit_request_line = 8190
# It would be created in the home directory.
control_socket_disable = True
# The application logs requests, with ids and without queries; gunicorn's other messages go to the same log.
accesslog = None
logger_class = "api.server.log.StructuredLogger"


def on_starting(arbiter: Any) -> None:
    """Refuse to listen to other machines without tokens, wherever the address was configured."""
    try:
        listen_guard.check(arbiter.cfg.address, guarded=bool(_tokens))
    except listen_guard.BindingError as error:
        raise _refuse(error) from None


def post_worker_init(worker: Any) -> None:
    """Limit the worker's connections and notify the application of shutdown."""
    install(worker, worker.asgi)
