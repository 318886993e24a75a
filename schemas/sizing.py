"""The size recommendation: what is asked, and what is answered."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from schemas.common import Frozen, Payload, Url
from schemas.gates import SENTENCES, Gate

Number = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_. /+-]{1,64}$")]


class Sex(StrEnum):
    """Which measured population the estimate is taken from."""

    FEMALE = "female"
    MALE = "male"
    UNSPECIFIED = "unspecified"


class Fit(StrEnum):
    """How the person likes clothes to sit."""

    REGULAR = "regular"
    SLIM = "slim"
    LOOSE = "loose"


class Girth(StrEnum):
    """A circumference of the body; the waist is at navel level."""

    CHEST = "chest"
    WAIST = "waist"
    HIP = "hip"


class BodyType(StrEnum):
    """The four words for a figure; `pipelines.sizing.body_type` defines them."""

    SLIM = "slim"
    AVERAGE = "average"
    ATHLETIC = "athletic"
    BROAD = "broad"


class Chart(Frozen):
    """A size chart: which girth decides, and where one size ends and the next begins.

    Attributes:
        girth: The girth that the chart is about.
        sizes: The sizes' names, smallest first.
        bounds_cm: Ascending; `bounds_cm[i]` is the first centimetre value that is `sizes[i + 1]`.
    """

    girth: Girth = Girth.CHEST
    sizes: tuple[Word, ...] = Field(min_length=2, max_length=40)
    bounds_cm: tuple[Number, ...] = Field(min_length=1, max_length=39)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.bounds_cm) != len(self.sizes) - 1 or len(set(self.sizes)) != len(self.sizes):
            raise ValueError("a chart of n different sizes has n - 1 bounds")
        if any(low >= high for low, high in zip(self.bounds_cm, self.bounds_cm[1:], strict=False)):
            raise ValueError("the bounds of a chart ascend")
        return self


class Facts(Payload):
    """What the person says. Only the height is required; each further fact narrows the answer.

    Attributes:
        height_cm: Stature, 140 to 210 cm.
        weight_kg: 35 to 180 kg.
        build: 1 (the slimmest fifth of people) to 5 (the heaviest fifth), for those who don't know their weight.
        age: Years; it matters to the waist alone.
    """

    height_cm: Number = Field(description="Stature in centimetres, 140 to 210")
    weight_kg: Number | None = Field(None, description="Weight in kilograms, 35 to 180; narrows the answer most")
    build: int | None = Field(None, ge=1, le=5, description="1 (slimmest fifth of people) to 5 (heaviest fifth)")
    sex: Sex = Sex.UNSPECIFIED
    age: int | None = Field(None, ge=1, le=120, description="Years; matters to the waist alone")


class Wish(Payload):
    """What the size is for.

    Attributes:
        chart: A chart's name (`men`, `women`, `unisex`, or one of the shop's), or a chart itself; by sex unless given.
        fit: How clothes should sit.
    """

    chart: Word | Chart | None = Field(None, description="men, women, unisex, a shop's own by name, or a chart itself")
    fit: Fit = Fit.REGULAR


def _described() -> str:
    gates = "\n".join(f"- `{gate}`: {SENTENCES[gate]}" for gate in Gate)
    return (
        "Send JSON with `image_url`, or a form (`multipart/form-data`) of the same fields with the picture itself as "
        "the part `image`. What can't be sized is answered with 422 and a `code`, a `message` for the person, and, "
        "once somebody was found, `landmark_visibility`: how well each deciding joint is seen, 0 to 1. The codes, in "
        f"the order in which they apply:\n\n{gates}"
    )


class EstimateRequest(Facts, Wish):
    """The body of `POST /estimate-body`; `image_url`, unless the picture is uploaded as the part `image`."""

    model_config = ConfigDict(json_schema_extra={"description": _described()})

    image_url: Url | None = Field(None, description="Address of a photo that shows the whole person from the front")


class EstimateQuery(Payload):
    """The query of `POST /estimate-body`."""

    landmarks: bool = Field(default=False, description="Answer also where the 33 landmarks are on the picture")


class Measurements(Frozen):
    """Estimates in centimetres, to 0.1. `shoulder_cm` is the biacromial breadth, the others are circumferences."""

    chest_cm: float
    waist_cm: float
    hip_cm: float
    shoulder_cm: float


class Interval(Frozen):
    """Centimetres between which the truth lies with the probability `interval_level`."""

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
    """Something that makes the answer less sure without making it useless."""

    code: str
    message: str


class Improvement(Frozen):
    """The fact that would help most.

    Attributes:
        fact: The field to fill in.
        now, then: The share of people for whom the recommended size is right, without and with it.
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
        confidence: The probability of `recommended_size`.
        size_probabilities: Of every size of the chart; they sum to 1.
        used: The facts that went in.
        landmarks: The 33 landmarks of the person; over HTTP when asked for with `?landmarks=true`.
    """

    recommended_size: str
    confidence: float = Field(ge=0, le=1)
    size_range: SizeRange
    size_probabilities: dict[str, float]
    measurements: Measurements
    intervals: Intervals
    interval_level: float
    body_type: BodyType
    chart: str
    fit: Fit
    warnings: tuple[Warn, ...]
    used: tuple[str, ...]
    improve: Improvement | None
    landmarks: tuple[LandmarkPoint, ...]
