"""Size charts: which girth decides, where one size ends and the next begins, and the ease of the garment."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import FailFast, Field, StringConstraints, model_validator

from schemas.common import Frozen

Number = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_. /+-]{1,64}$")]


class Girth(StrEnum):
    """A circumference of the body; `GIRTH_DEFINITIONS` says where each is taken."""

    CHEST = "chest"
    WAIST = "waist"
    HIP = "hip"


GIRTH_DEFINITIONS = {
    Girth.CHEST: "horizontal, at the fullest part of the chest or bust",
    Girth.WAIST: "horizontal, at navel level, not at the narrowest part of the trunk",
    Girth.HIP: "horizontal, at the fullest part of the hips",
}


class WaistLevel(StrEnum):
    """Level at which a chart's waist is measured; at the narrowest part it is smaller than at the navel."""

    NAVEL = "navel"
    NARROWEST = "narrowest"


class Measured(StrEnum):
    """Object that a chart's centimetres measure: the wearer's body, or the finished garment."""

    BODY = "body"
    GARMENT = "garment"


class Chart(Frozen):
    """A size chart.

    Attributes:
        girth: The girth that decides the size.
        sizes: The names of the sizes, smallest first.
        bounds_cm: Ascending; `bounds_cm[i]` is the first centimetre value of `sizes[i + 1]`.
        measured: Whether the bounds are girths of the body or of the finished garment.
        ease_cm: How much larger the garment is than the body that it is made for, in a regular fit. Required for
            garment measures.
        waist_level: Where the waist is taken; for charts of waists only.
        brand, garment: Brand and garment of the chart, such as "Acme" and "shirt".
    """

    girth: Girth = Girth.CHEST
    sizes: Annotated[tuple[Word, ...], FailFast()] = Field(min_length=2, max_length=40)
    bounds_cm: Annotated[tuple[Number, ...], FailFast()] = Field(min_length=1, max_length=39)
    measured: Measured = Measured.BODY
    ease_cm: Annotated[float, Field(ge=-20, le=60)] | None = None
    waist_level: WaistLevel = WaistLevel.NAVEL
    brand: Word | None = None
    garment: Word | None = None

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if len(self.bounds_cm) != len(self.sizes) - 1 or len(set(self.sizes)) != len(self.sizes):
            raise ValueError("a chart of n different sizes has n - 1 bounds")
        if any(low >= high for low, high in zip(self.bounds_cm, self.bounds_cm[1:], strict=False)):
            raise ValueError("the bounds of a chart must ascend")
        if self.measured is Measured.GARMENT and self.ease_cm is None:
            raise ValueError("a chart of garment measures needs ease_cm")
        return self
