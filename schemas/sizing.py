"""The size recommendation: request and answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from schemas.common import Frozen, Id, Payload, Url
from schemas.gates import SENTENCES, Gate
from schemas.size_charts import Chart, Number, WaistLevel, Word

CM_PER_INCH = 2.54
KG_PER_POUND = 0.45359237


class Sex(StrEnum):
    """The measured population that the estimate is taken from."""

    FEMALE = "female"
    MALE = "male"
    UNSPECIFIED = "unspecified"


class Fit(StrEnum):
    """How loosely the person likes clothes to fit."""

    REGULAR = "regular"
    SLIM = "slim"
    LOOSE = "loose"


class BodyType(StrEnum):
    """Four words for a figure; `pipelines.sizing.body_type` defines them."""

    SLIM = "slim"
    AVERAGE = "average"
    ATHLETIC = "athletic"
    BROAD = "broad"


class Facts(Payload):
    """Facts about the person. Only the height is required; each further fact narrows the answer.

    Attributes:
        height_cm: Stature, 140 to 210 cm.
        weight_kg: 35 to 180 kg.
        build: 1 to 5, the nearest of five weights, for people who don't know theirs: the weights of the 10th, 30th,
            50th, 70th and 90th percentile of body mass index among adults of the sex, at the stated height.
        age: Years; it changes the waist only.

    `height_in` (inches) and `weight_lb` (pounds) are accepted in place of `height_cm` and `weight_kg`.
    """

    height_cm: Number = Field(description="Stature in centimetres, 140 to 210; or height_in, in inches")
    weight_kg: Number | None = Field(
        None, description="Weight in kilograms, 35 to 180, or weight_lb, in pounds; narrows the answer most"
    )
    build: int | None = Field(
        None,
        ge=1,
        le=5,
        description=(
            "The nearest of five weights, if the weight is unknown: those of the 10th (1), 30th (2), 50th (3), 70th "
            "(4) and 90th (5) percentile of body mass index among adults of the sex, at this height. "
            "`GET /estimate-body/builds` answers them in kilograms and pounds"
        ),
    )
    sex: Sex = Sex.UNSPECIFIED
    age: int | None = Field(None, ge=1, le=120, description="Years; changes the waist only")

    @model_validator(mode="before")
    @classmethod
    def _convert_imperial_units(cls, given: Any) -> Any:
        """Take `height_in` and `weight_lb` where the metric field is missing."""
        if not isinstance(given, dict):
            return given
        fields = dict(given)
        for imperial, metric, factor in (
            ("height_in", "height_cm", CM_PER_INCH),
            ("weight_lb", "weight_kg", KG_PER_POUND),
        ):
            value = fields.get(imperial)
            if value is not None and fields.get(metric) is None:
                fields[metric] = _scaled(value, factor)
        return fields


def _scaled(value: Any, factor: float) -> Any:
    """Return `value` times `factor`, or `value` itself where it is no number, for the field's own error message."""
    try:
        return float(value) * factor
    except (TypeError, ValueError):
        return value


class Wish(Payload):
    """Chart, fit and shop of the requested size.

    Attributes:
        chart: A chart's name (`men`, `women`, `unisex`, or one of the shop's), or a chart itself; by sex if absent.
        fit: How loosely clothes should fit.
        store_id: The shop, whose earlier returns correct the answer.
    """

    chart: Word | Chart | None = Field(None, description="men, women, unisex, a shop's own by name, or a chart itself")
    fit: Fit = Fit.REGULAR
    store_id: Id | None = Field(None, description="The shop, whose size feedback corrects the answer")


def _describe_request() -> str:
    gates = "\n".join(f"- `{gate}`: {SENTENCES[gate]}" for gate in Gate)
    return (
        "Send JSON with `image_url`, or a form (`multipart/form-data`) of the same fields with the picture itself as "
        "the part `image`. The picture is a JPEG, PNG or WebP; HEIC, AVIF, BMP and GIF are not accepted (browsers and "
        "phones convert HEIC to JPEG when they upload to an input that accepts JPEG only). "
        "A photo or a fact that allows no estimate is answered with 422, a `code`, a `message` for the person and, "
        "where a person was found, `landmark_visibility`: the visibility of each deciding joint, 0 to 1. The codes, in "
        f"the order in which they apply:\n\n{gates}"
    )


class EstimateRequest(Facts, Wish):
    """The body of `POST /estimate-body`; `image_url`, unless the picture is uploaded as the part `image`."""

    model_config = ConfigDict(json_schema_extra={"description": _describe_request()})

    image_url: Url | None = Field(None, description="Address of a photo that shows the whole person from the front")


class EstimateQuery(Payload):
    """The query of `POST /estimate-body`."""

    landmarks: bool = Field(default=False, description="Answer also the positions of the 33 landmarks on the picture")


class BuildsQuery(Payload):
    """The query of `GET /estimate-body/builds`."""

    height_cm: Number = Field(ge=140, le=210, description="Stature in centimetres")
    sex: Sex = Sex.UNSPECIFIED


class Build(Frozen):
    """One of the five choices for people who don't know their weight."""

    build: int
    weight_kg: float
    weight_lb: float
    percentile: int


class Builds(Frozen):
    """The five builds at one height and sex.

    Attributes:
        source: The published statistics that they are taken from.
    """

    builds: tuple[Build, ...]
    source: str


class Measurements(Frozen):
    """Estimates in centimetres, to 0.1. `shoulder_cm` is the biacromial breadth, the others are circumferences."""

    chest_cm: float
    waist_cm: float
    hip_cm: float
    shoulder_cm: float


class Interval(Frozen):
    """Centimetres between which the true value lies with probability `interval_level`."""

    lower: float
    upper: float


class Intervals(Frozen):
    """One interval per measurement."""

    chest_cm: Interval
    waist_cm: Interval
    hip_cm: Interval
    shoulder_cm: Interval


class SizeRange(Frozen):
    """Neighbouring sizes that together are right with a probability of at least 0.8."""

    lower: str
    upper: str


class Warn(Frozen):
    """A reason why the answer is less certain."""

    code: str
    message: str


class Improvement(Frozen):
    """The missing fact that would help most.

    Attributes:
        fact: The field to fill in.
        now, then: The probability that the recommended size is right, without and with it.
        message: The same in words.
    """

    fact: str
    now: float
    then: float
    message: str


class LandmarkPoint(Frozen):
    """A landmark on the upright picture: x and y from 0 (left, top) to 1 (right, bottom), visibility from 0 to 1."""

    x: float
    y: float
    visibility: float


class SizeAnswer(Frozen):
    """The answer of `POST /estimate-body`.

    Attributes:
        recommended_size: The most probable size, also where it is not `decided`.
        decided: Whether that size is probable enough to be shown as the answer; else show `size_range`.
        message: The answer in one or two sentences.
        confidence: The probability of `recommended_size`.
        size_probabilities: Of every size of the chart; they sum to 1.
        definitions: Where each girth is taken.
        waist_level: Where the waist of the chart is taken; null for charts of other girths.
        used: The facts that changed the answer.
        feedback_shift_cm: Correction learned from the shop's returns, added to the girth, cm.
        estimate_id: Names this estimate in `POST /size-feedback`; null without a shop.
        landmarks: The 33 landmarks of the person; over HTTP only with `?landmarks=true`.
    """

    recommended_size: str
    decided: bool
    message: str
    confidence: float = Field(ge=0, le=1)
    size_range: SizeRange
    size_probabilities: dict[str, float]
    measurements: Measurements
    intervals: Intervals
    interval_level: float
    definitions: dict[str, str]
    body_type: BodyType
    chart: str
    waist_level: WaistLevel | None
    fit: Fit
    warnings: tuple[Warn, ...]
    used: tuple[str, ...]
    improve: Improvement | None
    feedback_shift_cm: float = 0.0
    estimate_id: str | None = None
    landmarks: tuple[LandmarkPoint, ...]
