"""`/estimate-body`: a size from one photo and stated facts, and the page to try it.

The picture is kept in memory only, until the request ends; it is neither written nor logged.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

import falcon

from api.body import read_query
from api.csp import content_security_policy
from api.operations import Media, Operation, Scope
from api.problems import Problem
from api.sizing.estimate_input import read_estimate_input
from api.sizing.size_feedback import EstimateIds
from api.sizing.size_shifts import SizeShifts
from pipelines.sizing import SizingRefused, UnknownChart, check_asked, recommend
from pipelines.sizing.chart import BUILT_IN, step_cm
from pipelines.sizing.chart_csv import ChartCsvError
from pipelines.sizing.populations import Population, builds
from pipelines.sizing.sizes import find_chart
from providers.pose.errors import PoseBusy, PoseNotLoaded
from schemas.errors import InputRefused, Transient
from schemas.size_charts import Chart
from schemas.sizing import Builds, BuildsQuery, EstimateQuery, EstimateRequest, SizeAnswer

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from providers.pose.base import Detection
    from providers.pose.pool import PosePool

PAGE = Path(__file__).parent / "pages" / "estimate_body.html"
EXAMPLE = {"image_url": "https://shop.example/photo.jpg", "height_cm": 175, "weight_kg": 75, "sex": "male"}


class Feedback(NamedTuple):
    """Feedback services of the recommendation: learned shifts, and ids of estimates."""

    shifts: SizeShifts
    ids: EstimateIds


class PhotoSource(Protocol):
    """Fetches pictures from addresses that callers supply: `providers.fetch.Fetcher`."""

    async def fetch(self, url: str, *, subject: str = ..., owner: str = ...) -> bytes:
        """Return an encoded picture.

        Raises:
            InputRefused: The address or its content is not acceptable.
            Transient: The picture could not be fetched; a retry may succeed.
        """


class EstimateBody:
    """The size recommendation over HTTP."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("A page to try the size recommendation.", {200: Media(falcon.MEDIA_HTML)}),
        "POST": Operation(
            "Recommend a size from one photo, a height and optional facts.",
            {200: SizeAnswer},
            scope=Scope.PRODUCE,
            body=EstimateRequest,
            query=EstimateQuery,
            problems=(413, 415, 422, 429, 503),
            examples={"by address": EXAMPLE},
        ),
    }

    def __init__(  # noqa: PLR0913  each is a part of the service
        self,
        pose: PosePool | None,
        fetcher: PhotoSource,
        charts: Mapping[str, Chart],
        population: Population,
        *,
        feedback: Feedback,
        max_picture_bytes: int,
    ) -> None:
        """Serve the page and the recommendation.

        Args:
            pose: Estimates poses; None without a pose model.
            fetcher: Fetches `image_url`.
            charts: The size charts that requests can select, by name.
            population: Distribution of body weights where the weight is unknown.
            feedback: Corrections learned from shops' feedback, and the ids of estimates.
            max_picture_bytes: Largest upload, bytes.
        """
        self._pose = pose
        self._fetcher = fetcher
        self._charts = charts
        self._population = population
        self._feedback = feedback
        self._max_picture_bytes = max_picture_bytes
        self._page = _page_with_charts(charts)
        self._policy = content_security_policy(self._page.decode())

    async def on_get(self, _req: Request, resp: Response) -> None:
        """Return the page: one self-contained document that may load nothing else."""
        resp.content_type = falcon.MEDIA_HTML
        resp.set_header("Content-Security-Policy", self._policy)
        resp.data = self._page

    async def on_post(self, req: Request, resp: Response) -> None:
        """Return the recommendation.

        Raises:
            Problem: The photo or the facts can't be used; the detail says how to change them.
        """
        query = read_query(req, EstimateQuery)
        with _answer_problems():
            pose = self._require_pose()
            asked, picture = await read_estimate_input(req, max_picture_bytes=self._max_picture_bytes)
            check_asked(asked, asked, self._charts)
            caller = req.context.principal
            detection = await self._detect(pose, asked, picture, caller.owner or f"{caller.name} {req.remote_addr}")
            answer = self._recommend(detection, asked, caller.owner or asked.store_id)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = answer.model_dump_json(exclude=None if query.landmarks else {"landmarks"}).encode()

    def _recommend(self, detection: Detection, asked: EstimateRequest, store_id: str | None) -> SizeAnswer:
        """Return the recommendation with the shop's correction and, for a shop, an id for its feedback."""
        name, chart = find_chart(asked, asked, self._charts)
        shift = self._feedback.shifts.shift_cm(store_id, name, step_cm(chart))
        answer = recommend(detection, asked, asked, self._charts, population=self._population, feedback_shift_cm=shift)
        if store_id is None:
            return answer
        estimate_id = self._feedback.ids.make(
            store_id=store_id, chart=name, size=answer.recommended_size, shift_cm=shift
        )
        return answer.model_copy(update={"estimate_id": estimate_id})

    def _require_pose(self) -> PosePool:
        """Return the pool.

        Raises:
            PoseNotLoaded: There is no model; checked before the body is read.
            PoseBusy: The queue is full.
        """
        if self._pose is None:
            reason = "there is no pose model: run `python manage.py pose-model` and restart the service"
            raise PoseNotLoaded(public_message=f"{PoseNotLoaded.__doc__} ({reason})")
        self._pose.require_capacity()
        return self._pose

    async def _detect(self, pose: PosePool, asked: EstimateRequest, picture: bytes | None, owner: str) -> Detection:
        try:
            if picture is None:
                picture = await self._fetcher.fetch(asked.image_url or "", subject="The photo", owner=owner)
        except Transient as error:
            raise InputRefused(str(error), public_message=error.public_message, code=error.error_code) from error
        return await pose.detect(picture)


class EstimateBuilds:
    """The five builds as weights."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            "The five builds as weights at a height and sex, for people who don't know their weight.",
            {200: Builds},
            query=BuildsQuery,
            problems=(422,),
        ),
    }

    def __init__(self, population: Population) -> None:
        """Use the weights of `population`."""
        self._population = population

    async def on_get(self, req: Request, resp: Response) -> None:
        """Return the builds. They are not about a person, so no token is needed."""
        query = read_query(req, BuildsQuery)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = builds(self._population, query.height_cm, query.sex).model_dump_json().encode()


def _page_with_charts(charts: Mapping[str, Chart]) -> bytes:
    """Return the page with the shop's own charts in its list."""
    own = [name for name in charts if name not in BUILT_IN]
    options = "".join(f'<option value="{html.escape(name)}">{html.escape(name)}</option>' for name in own)
    return PAGE.read_text(encoding="utf-8").replace("<!--charts-->", options).encode()


@contextmanager
def _answer_problems() -> Iterator[None]:
    """Convert errors that the caller can remedy into problems; `PoseNotLoaded` becomes a 503 elsewhere."""
    try:
        yield
    except SizingRefused as error:
        raise Problem(HTTPStatus(error.status), error.error_code, error.public_message, **error.members) from error
    except (UnknownChart, ChartCsvError) as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, error.error_code, error.public_message) from error
    except InputRefused as error:
        raise Problem(HTTPStatus.BAD_REQUEST, error.error_code, error.public_message) from error
    except PoseBusy as error:
        headers = {"Retry-After": f"{error.retry_after or 1:.0f}"}
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, error.error_code, error.public_message, headers=headers) from error
