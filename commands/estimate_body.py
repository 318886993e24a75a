"""`manage.py estimate-body`: recommends a size from a photo on this machine, as `POST /estimate-body` does."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Group
from rich.table import Table
from rich.text import Text

from commands.outcome import CommandOutcome
from pipelines.images.pixels import decode_pixels
from pipelines.sizing import SizingRefused, UnknownChart, check_asked, recommend
from pipelines.sizing.populations import population_named
from pipelines.sizing.shop_charts import read_charts
from providers.pose.base import Detection
from providers.pose.bundle import installed_pose_model
from providers.pose.load import load_estimator
from schemas.errors import DarkroomError, InputRefused
from schemas.sizing import EstimateRequest, SizeAnswer

if TYPE_CHECKING:
    from pathlib import Path

    from settings import Settings

_BAR_CHARS = 30


def estimate_body(settings: Settings, photo: Path, **fields: Any) -> CommandOutcome:
    """Return the recommendation for the person on `photo`, or the error as HTTP would answer it.

    Args:
        settings: The folder of the pose model and the shop's charts, and the population. A missing model is an error.
        photo: A JPEG, PNG or WebP file.
        fields: Those of `EstimateRequest` without `image_url`; None means absent.
    """
    try:
        asked = EstimateRequest.model_validate({key: value for key, value in fields.items() if value is not None})
        answer = _answer(settings, photo, asked)
    except ValidationError as error:
        return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", _faults(error))
    except (SizingRefused, UnknownChart) as error:
        members = error.members if isinstance(error, SizingRefused) else {}
        return _refused(HTTPStatus(error.status), error.error_code, error.public_message, **members)
    except InputRefused as error:
        return _refused(HTTPStatus.BAD_REQUEST, error.error_code, error.public_message)
    except DarkroomError as error:
        return _refused(HTTPStatus.SERVICE_UNAVAILABLE, error.error_code, str(error))
    return CommandOutcome(answer.model_dump(mode="json", exclude={"landmarks"}), _view(answer))


def _answer(settings: Settings, photo: Path, asked: EstimateRequest) -> SizeAnswer:
    charts = read_charts(settings.data_dir / "charts")
    check_asked(asked, asked, charts)
    picture = decode_pixels(_read(photo), max_pixels=settings.fetch_max_pixels, subject="The photo")
    estimator = load_estimator(installed_pose_model(settings.data_dir, settings.pose_model_path))
    try:
        poses = estimator.detect(picture.rgb)
    finally:
        estimator.close()
    height, width = picture.rgb.shape[:2]
    detection = Detection(width, height, picture.original_width, picture.original_height, poses)
    return recommend(detection, asked, asked, charts, population=population_named(settings.population))


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        sentence = f"The photo can't be read: {error.strerror}."
        raise InputRefused(public_message=sentence, code="photo_unreadable") from error


def _refused(status: HTTPStatus, code: str, detail: str, **members: Any) -> CommandOutcome:
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail, "code": code}
    given = {name: value for name, value in members.items() if value is not None}
    return CommandOutcome({**problem, **given}, Text.assemble((code, "red"), f" {detail}"), ok=False)


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)


def _view(answer: SizeAnswer) -> Group:
    advice = [answer.improve.message] if answer.improve and answer.decided else []
    notes = [*advice, *(warning.message for warning in answer.warnings)]
    return Group(Text(answer.message, style="bold"), _sizes(answer), _measurements(answer), *notes)


def _sizes(answer: SizeAnswer) -> Table:
    table = Table(title=f"Probability of each size (chart: {answer.chart})", box=None)
    for heading in ("size", "probability", ""):
        table.add_column(heading)
    for size, share in answer.size_probabilities.items():
        style = "bold" if answer.decided and size == answer.recommended_size else ""
        table.add_row(size, f"{share:.0%}", "█" * round(share * _BAR_CHARS), style=style)
    return table


def _measurements(answer: SizeAnswer) -> Table:
    table = Table(
        title=f"Figure: {answer.body_type}; {answer.interval_level:.0%} intervals; the waist is at navel level",
        box=None,
    )
    for heading in ("measurement", "cm", "from", "to"):
        table.add_column(heading, justify="left" if heading == "measurement" else "right")
    intervals = answer.intervals.model_dump()
    for name, value in answer.measurements.model_dump().items():
        low, high = intervals[name]["lower"], intervals[name]["upper"]
        table.add_row(name.removesuffix("_cm"), f"{value:.1f}", f"{low:.1f}", f"{high:.1f}")
    return table
