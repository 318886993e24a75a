"""Reads the body of `POST /estimate-body` in memory: JSON with an address, or a form that contains the picture."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import falcon
import orjson
from falcon.media import MultipartFormHandler
from falcon.media.multipart import MultipartParseOptions
from pydantic import ValidationError

from api import problems
from api.body import read, receive_at_most
from api.problems import Problem
from pipelines.sizing.chart_csv import ChartCsvError, parse_chart_csv
from schemas.sizing import EstimateRequest

if TYPE_CHECKING:
    from falcon.asgi import Request
    from falcon.asgi.multipart import BodyPart

#: Largest JSON body, and largest text field of a form.
MAX_TEXT_BYTES = 65_536
MAX_PARTS = 16
_PICTURE = "image"
#: Names of the form's text fields.
_FIELDS = {*EstimateRequest.model_fields, "height_in", "weight_lb"}


def _forms() -> MultipartFormHandler:
    options = MultipartParseOptions()
    options.max_body_part_count = MAX_PARTS
    return MultipartFormHandler(options)


_FORMS = _forms()


class EstimateInput(NamedTuple):
    """A parsed request, and the picture if it was uploaded."""

    asked: EstimateRequest
    picture: bytes | None


async def read_estimate_input(req: Request, *, max_picture_bytes: int) -> EstimateInput:
    """Parse the body of `req`.

    Raises:
        Problem: The body is damaged (400), too large (413), neither JSON nor a form (415), or of the wrong shape (422).
    """
    asked, picture = await _read(req, max_picture_bytes)
    if (asked.image_url is None) is (picture is None):
        sentence = (
            "Please send one picture: its address as image_url, or the picture itself as the part image of a form."
        )
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "picture_unclear", sentence)
    return EstimateInput(asked, picture)


async def _read(req: Request, max_picture_bytes: int) -> tuple[EstimateRequest, bytes | None]:
    kind = (req.content_type or falcon.MEDIA_JSON).partition(";")[0].strip().lower()
    if kind == falcon.MEDIA_MULTIPART:
        fields, picture = await _read_form(req, max_picture_bytes)
        return _asked(fields), picture
    if kind != falcon.MEDIA_JSON:
        sentence = "Please send application/json or multipart/form-data."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence)
    return await read(req, EstimateRequest, max_bytes=MAX_TEXT_BYTES), None


def _asked(fields: dict[str, Any]) -> EstimateRequest:
    try:
        return EstimateRequest.model_validate(fields)
    except ValidationError as error:
        raise problems.invalid(error) from None


async def _read_form(req: Request, max_picture_bytes: int) -> tuple[dict[str, Any], bytes | None]:
    form = await _FORMS.deserialize_async(req.stream, req.content_type, req.content_length)
    fields: dict[str, Any] = {}
    picture: bytes | None = None
    async for part in form:
        if part.name == _PICTURE:
            picture = await receive_at_most(part.stream, max_picture_bytes) or None
        elif part.name in _FIELDS:
            fields[part.name] = await _text(part)
    return {name: value for name, value in fields.items() if value}, picture


async def _text(part: BodyPart) -> Any:
    """Return the field's text; a chart is a name, JSON, or CSV of one chart.

    Raises:
        ChartCsvError: A chart in CSV can't be used.
        Problem: The text can't be read.
    """
    try:
        text = (await receive_at_most(part.stream, MAX_TEXT_BYTES)).decode().strip()
        if part.name != "chart":
            return text
        return orjson.loads(text) if text.startswith("{") else _chart_of_csv(text) if "\n" in text else text
    except ValueError as error:
        sentence = f"The form's field {part.name} can't be read."
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed_form", sentence) from error


def _chart_of_csv(text: str) -> dict[str, Any]:
    charts = parse_chart_csv(text)
    if len(charts) != 1:
        raise ChartCsvError(public_message=f"Please send one chart; the text has {len(charts)}: {', '.join(charts)}.")
    return next(iter(charts.values())).model_dump(mode="json")
