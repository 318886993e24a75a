"""An application of nothing but `/estimate-body`, with whichever pose estimator a test needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon.asgi

from api import problems
from api.sizing.estimate_body import EstimateBody
from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.populations import DEFAULT
from providers.fetch import Fetcher, FetchPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.pose.pool import PosePool
    from schemas.size_charts import Chart

MAX_PICTURE_BYTES = 5_000_000


class Named:
    """Gives each request its id, as the edge of the service does."""

    async def process_request(self, req: Any, _: Any) -> None:
        req.context.request_id = "req_test"


class Lifespan:
    """Loads the model at start, off the event loop, and gives everything back at the end."""

    def __init__(self, pose: PosePool | None, fetcher: Fetcher) -> None:
        self._pose = pose
        self._fetcher = fetcher

    async def process_startup(self, _scope: Any, _event: Any) -> None:
        if self._pose:
            await self._pose.start()

    async def process_shutdown(self, _scope: Any, _event: Any) -> None:
        if self._pose:
            await self._pose.aclose()
        await self._fetcher.aclose()


def build(pose: PosePool | None, charts: Mapping[str, Chart] = BUILT_IN) -> falcon.asgi.App[Any, Any]:
    """The service with this pool."""
    fetcher = Fetcher(FetchPolicy(allowed_networks=("127.0.0.0/8",)))
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App(middleware=[Named(), Lifespan(pose, fetcher)])
    problems.install(app)
    app.add_route("/estimate-body", EstimateBody(pose, fetcher, charts, DEFAULT, max_picture_bytes=MAX_PICTURE_BYTES))
    return app
