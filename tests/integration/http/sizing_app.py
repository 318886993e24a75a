"""An application of the size recommendation only, with the pose estimator that a test needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon.asgi

from api import problems
from api.middleware.access import LOCAL
from api.sizing.estimate_body import EstimateBody, EstimateBuilds, Feedback
from api.sizing.size_feedback import EstimateIds, SizeFeedback
from api.sizing.size_shifts import SizeShifts
from pipelines.sizing.chart import BUILT_IN
from pipelines.sizing.populations import DEFAULT
from providers.fetch import Fetcher, FetchPolicy
from providers.records.base import DatabaseUnavailable
from providers.records.size_feedback import SizeFeedbackRecords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from providers.pose.pool import PosePool
    from providers.records.base import Rpc
    from schemas.size_charts import Chart

MAX_PICTURE_BYTES = 5_000_000


class Named:
    """Gives each request its id, as the edge of the service does."""

    async def process_request(self, req: Any, _: Any) -> None:
        req.context.request_id = "req_test"
        req.context.principal = LOCAL


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


class NoDatabase:
    """A database that is unavailable."""

    async def call(self, function: str, **_: Any) -> Any:
        raise DatabaseUnavailable(function)

    async def aclose(self) -> None: ...


def build(
    pose: PosePool | None, charts: Mapping[str, Chart] = BUILT_IN, rpc: Rpc | None = None
) -> falcon.asgi.App[Any, Any]:
    """Return the service with this pool, and this database or none."""
    fetcher = Fetcher(FetchPolicy(allowed_networks=("127.0.0.0/8",)))
    app: falcon.asgi.App[Any, Any] = falcon.asgi.App(middleware=[Named(), Lifespan(pose, fetcher)])
    problems.install(app)
    records, ids = SizeFeedbackRecords(rpc or NoDatabase()), EstimateIds(b"a key of the tests")
    feedback = Feedback(SizeShifts(records), ids)
    resource = EstimateBody(pose, fetcher, charts, DEFAULT, feedback=feedback, max_picture_bytes=MAX_PICTURE_BYTES)
    app.add_route("/estimate-body", resource)
    app.add_route("/estimate-body/builds", EstimateBuilds(DEFAULT))
    app.add_route("/size-feedback", SizeFeedback(records, ids))
    return app
