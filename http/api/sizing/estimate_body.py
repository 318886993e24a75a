"""`/estimate-body`: a size from one photo and a few facts, and the page to try it.

The picture is in memory only, from its arrival to the end of the request; it is neither written nor logged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

import falcon

from api.body import read_query
from api.csp import content_security_policy
from api.operations import Media, Operation, Scope
from api.problems import Problem
from api.sizing.photo_request import read_photo_request
from pipelines.sizing import SizingRefused, UnknownChart, check_asked, recommend
from providers.pose.errors import PoseBusy, PoseNotLoaded
from schemas.errors import InputRefused, Transient
from schemas.sizing import Chart, EstimateQuery, EstimateRequest, SizeAnswer

if TYPE_CHECKING:
    from falcon.asgi import Request, Response

    from providers.pose.base import Detection
    from providers.pose.pool import PosePool

PAGE = Path(__file__).parent / "pages" / "estimate_body.html"
EXAMPLE = {"image_url": "https://shop.example/photo.jpg", "height_cm": 175, "weight_kg": 75, "sex": "male"}


class PhotoSource(Protocol):
    """Who fetches pictures from addresses that strangers wrote: `providers.fetch.Fetcher`."""

    async def fetch(self, url: str, *, subject: str = ...) -> bytes:
        """An encoded picture.

        Raises:
            InputRefused: The address or what is there is not acceptable.
            Transient: It could not be fetched now.
        """


class EstimateBody:
    """The size recommendation over HTTP."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("A page to try the size recommendation.", {200: Media(falcon.MEDIA_HTML)}),
        "POST": Operation(
            "Recommend a size from one photo, a height and what else is known.",
            {200: SizeAnswer},
            scope=Scope.PRODUCE,
            body=EstimateRequest,
            query=EstimateQuery,
            problems=(413, 415, 422, 429, 503),
            examples={"by address": EXAMPLE},
        ),
    }

    def __init__(
        self, pose: PosePool | None, fetcher: PhotoSource, charts: Mapping[str, Chart], *, max_picture_bytes: int
    ) -> None:
        """Keep what is needed.

        Args:
            pose: Estimates poses; None where there is no pose model.
            fetcher: Fetches `image_url`.
            charts: The size charts that can be named.
            max_picture_bytes: The largest upload.
        """
        self._pose = pose
        self._fetcher = fetcher
        self._charts = charts
        self._max_picture_bytes = max_picture_bytes
        self._page = PAGE.read_bytes()
        self._policy = content_security_policy(self._page.decode())

    async def on_get(self, _req: Request, resp: Response) -> None:
        """The page: one self-contained document that may load nothing else."""
        resp.content_type = falcon.MEDIA_HTML
        resp.set_header("Content-Security-Policy", self._policy)
        resp.data = self._page

    async def on_post(self, req: Request, resp: Response) -> None:
        """The recommendation, or a `Problem` that says what to do differently."""
        query = read_query(req, EstimateQuery)
        with _problems():
            pose = self._require_pose()
            asked, picture = await read_photo_request(req, max_picture_bytes=self._max_picture_bytes)
            check_asked(asked, asked, self._charts)
            found = await self._detect(pose, asked, picture)
            answer = recommend(found, asked, asked, self._charts)
        resp.content_type = falcon.MEDIA_JSON
        resp.data = answer.model_dump_json(exclude=None if query.landmarks else {"landmarks"}).encode()

    def _require_pose(self) -> PosePool:
        """Refuse before the body is read where it could not be worked on."""
        if self._pose is None:
            reason = "there is no pose model: `python manage.py pose-model` puts it in place"
            raise PoseNotLoaded(public_message=f"{PoseNotLoaded.__doc__} ({reason})")
        self._pose.require_room()
        return self._pose

    async def _detect(self, pose: PosePool, asked: EstimateRequest, picture: bytes | None) -> Detection:
        try:
            if picture is None:
                picture = await self._fetcher.fetch(asked.image_url or "", subject="The photo")
        except Transient as error:
            raise InputRefused(str(error), public_message=error.public_message, code=error.error_code) from error
        return await pose.detect(picture)


@contextmanager
def _problems() -> Iterator[None]:
    """Answer what is the caller's to change as such; `PoseNotLoaded` is answered as any service that is missing."""
    try:
        yield
    except SizingRefused as error:
        raise Problem(HTTPStatus(error.status), error.error_code, error.public_message, **error.members) from error
    except UnknownChart as error:
        raise Problem(HTTPStatus(error.status), error.error_code, error.public_message) from error
    except InputRefused as error:
        raise Problem(HTTPStatus.BAD_REQUEST, error.error_code, error.public_message) from error
    except PoseBusy as error:
        headers = {"Retry-After": f"{error.retry_after or 1:.0f}"}
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, error.error_code, error.public_message, headers=headers) from error
