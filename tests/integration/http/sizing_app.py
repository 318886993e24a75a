"""A service of nothing but `/estimate-body`, as `api.app` mounts it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import falcon.asgi
from api import problems
from api.body import bounded
from api.estimate_body import EstimateBody

from pipelines.sizing.chart import BUILT_IN
from providers.fetch import Fetcher, FetchPolicy
from providers.pose.load import load_estimator
from providers.pose.pool import PosePool
from tests.integration.providers.pose.model import installed_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.sizing import Chart

MAX_PICTURE_BYTES = 5_000_000


class Named:
    """Gives each request its id, as the edge of the service does."""

    async def process_request(self, req: Any, _: Any) -> None:
        req.context.request_id = "req_test"


class PoseLifespan:
    """Loads the model at start, off the event loop, and gives it back at the end."""

    def __init__(self, pose: PosePool) -> None:
        self._pose = pose

    async def process_startup(self, _scope: Any, _event: Any) -> None:
        await self._pose.start()

    async def process_shutdown(self, _scope: Any, _event: Any) -> None:
        await self._pose.aclose()


class Bounded:
    """Refuses bodies that end early, as the edge of the service does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            receive = bounded(receive, MAX_PICTURE_BYTES + 65_536)
        await self._app(scope, receive, send)


def build(pose: PosePool | None, charts: Mapping[str, Chart] = BUILT_IN) -> falcon.asgi.App[Any, Any]:
    """The service with this pool."""
    lifespan = [PoseLifespan(pose)] if pose else []
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App(middleware=[Named(), *lifespan])
    problems.install(app)
    fetcher = Fetcher(FetchPolicy(allowed_networks=("127.0.0.0/8",)))
    app.add_route("/estimate-body", EstimateBody(pose, fetcher, charts, max_picture_bytes=MAX_PICTURE_BYTES))
    return app


def real() -> Bounded:
    """The service with the real model, for a server."""
    return Bounded(build(PosePool(functools.partial(load_estimator, installed_model()))))
