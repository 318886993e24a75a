"""The application factory: `create_app` builds it from dependencies, `from_settings` from the environment."""

from __future__ import annotations

from typing import Any

import falcon.asgi

from api import problems
from api.dependencies import Dependencies, make_dependencies
from api.middleware.access import AccessMiddleware
from api.middleware.headers import HeadersMiddleware
from api.middleware.request_logging import RequestLogging
from api.operations import Described
from api.orders.generations import Generation, Generations, GenerationStats
from api.orders.images import Images
from api.orders.photos import Photos
from api.orders.service import OrderService
from api.replicate_webhook import ReplicateWebhook
from api.system.docs import Docs
from api.system.files import Files
from api.system.health import Checks, HealthResource, Live, Ready
from api.system.metrics import MetricsResource
from api.system.openapi import OpenApi
from api.tasks.resources import TaskEvents, TaskResource
from providers import logs
from providers.images.replicate.settings import WEBHOOK_PATH
from providers.served import ServedProducts
from providers.storage.local import LocalStorage
from settings import load

#: Bytes that a multipart body may hold besides its picture.
MULTIPART_BYTES = 64 * 1024


class Lifespan:
    """Starts background work on the serving event loop and closes the dependencies at shutdown."""

    def __init__(self, deps: Dependencies) -> None:
        """Manage `deps`."""
        self._deps = deps

    async def process_startup(self, _: dict[str, Any], __: dict[str, Any]) -> None:
        """Load the pose model and subscribe to progress events."""
        await self._deps.sizing.start()
        self._deps.hub.start()

    async def process_shutdown(self, _: dict[str, Any], __: dict[str, Any]) -> None:
        """End event streams, flush metrics and close connections."""
        await self._deps.hub.stop()
        await self._deps.aclose()


def create_app(deps: Dependencies) -> RequestLogging:
    """Return the ASGI application that uses `deps` and closes them at shutdown."""
    middleware: list[Any] = [  # Falcon has no common type for middleware
        HeadersMiddleware(https=(deps.public_url or "").startswith("https://")),
        AccessMiddleware(
            deps.tokens,
            deps.event_urls,
            deps.limit,
            deps.wrong_tokens,
            deps.addresses,
            open_paths=deps.open_paths,
        ),
        Lifespan(deps),
    ]
    if deps.cors_origins:
        origins = "*" if "*" in deps.cors_origins else deps.cors_origins
        exposed = ["X-Request-ID", "Retry-After"]
        middleware.append(falcon.CORSMiddleware(allow_origins=origins, expose_headers=exposed))
    app = falcon.asgi.App(middleware=middleware)
    app.req_options.strip_url_path_trailing_slash = True
    app.req_options.auto_parse_qs_csv = False
    problems.install(app)
    application = RequestLogging(app, deps.metrics, deps.clients, lambda path: _body_limit(deps, path), deps.hub.drain)
    for path, resource in _routes(deps, application):
        app.add_route(path, resource)
    return application


def from_settings() -> RequestLogging:
    """Return the application for the settings in the environment."""
    settings = load()
    logs.configure(level=settings.log_level, style=settings.log_format)
    return create_app(make_dependencies(settings))


def _routes(deps: Dependencies, application: RequestLogging) -> list[tuple[str, Described]]:
    orders = OrderService(
        deps.sessions, deps.producer, ServedProducts(deps.client), event_urls=deps.event_urls, addresses=deps.addresses,
        metrics=deps.metrics,
    )  # fmt: skip
    checks = Checks(deps.sessions, deps.client, lambda: deps.sizing.loaded)
    openapi, docs = OpenApi(), Docs()
    routes: list[tuple[str, Described]] = [
        ("/generations", Generations(orders, deps.sessions, deps.pictures)),
        ("/generations/stats", GenerationStats(deps.sessions)),
        ("/generations/{session_id}", Generation(deps.sessions, deps.pictures)),
        ("/photos", Photos(orders, deps.avatar_price)),
        ("/images", Images(orders, deps.images_price)),
        ("/tasks/{task_id}", TaskResource(deps.task_states, deps.event_urls, deps.addresses)),
        ("/tasks/{task_id}/events", TaskEvents(deps.hub, deps.task_states)),
        ("/health", HealthResource(checks)),
        ("/health/live", Live()),
        ("/health/ready", Ready(checks, application.is_draining)),
        ("/estimate-body", deps.sizing.resource),
        ("/estimate-body/builds", deps.sizing.builds),
        ("/size-feedback", deps.sizing.feedback),
        ("/metrics", MetricsResource(deps.metrics, deps.records, deps.client)),
        ("/openapi.json", openapi),
        ("/docs", docs),
    ]
    if isinstance(deps.storage, LocalStorage):
        routes.append(("/files/{bucket}/{path:path}", Files(deps.storage)))
    if deps.replicate_webhook_secret is not None:
        routes.append((WEBHOOK_PATH, ReplicateWebhook(deps.client, deps.replicate_webhook_secret)))
    openapi.describe(routes, server=deps.public_url or "/")
    docs.describe(openapi.document)
    return routes


def _body_limit(deps: Dependencies, path: str) -> int:
    return deps.max_picture_bytes + MULTIPART_BYTES if path.startswith("/estimate-body") else deps.max_body_bytes
