"""The regressions behind the girths.

Fitted on ANSUR II, the US Army's public survey of 4,082 men and 1,986 women (Gordon et al., 2014), with held-out
splits. Lengths and girths in cm, weights in kg.

A girth is `const + height * H + shape * S + age * a` with H the stature, S = 100 * sqrt(weight / H), which is
proportional to the diameter of a body of that weight and height, and a the age limited to 18 to 45 years. `sd` is the
standard deviation of the residual on people who were held out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.size_charts import Girth
from schemas.sizing import Sex

if TYPE_CHECKING:
    from collections.abc import Mapping


class Line(NamedTuple):
    """One regression; units are in the module's docstring."""

    const: float
    height: float
    shape: float
    sd: float
    age: float = 0.0


MALE, FEMALE, UNKNOWN = Sex.MALE, Sex.FEMALE, Sex.UNSPECIFIED
CHEST, WAIST, HIP = Girth.CHEST, Girth.WAIST, Girth.HIP

WITH_WEIGHT: Mapping[tuple[Sex, Girth], Line] = {
    (MALE, CHEST): Line(-3.5036, 0.0094, 1.5493, 3.17),
    (MALE, WAIST): Line(-34.1899, -0.0514, 1.9741, 4.38),
    (MALE, HIP): Line(-11.0163, 0.1175, 1.3280, 2.58),
    (FEMALE, CHEST): Line(-0.0705, -0.0305, 1.5514, 4.24),
    (FEMALE, WAIST): Line(-22.3072, -0.0987, 1.9364, 4.82),
    (FEMALE, HIP): Line(-8.9247, 0.1028, 1.4672, 2.89),
    (UNKNOWN, CHEST): Line(-22.6253, 0.0961, 1.5938, 3.91),
    (UNKNOWN, WAIST): Line(-19.3526, -0.1195, 1.9379, 4.63),
    (UNKNOWN, HIP): Line(48.5915, -0.1834, 1.2626, 4.19),
}

#: Age changes the waist only, and only where the sex is known.
WITH_WEIGHT_AND_AGE: Mapping[tuple[Sex, Girth], Line] = {
    (MALE, WAIST): Line(-37.3983, -0.0304, 1.8796, 4.08, 0.2043),
    (FEMALE, WAIST): Line(-23.9312, -0.0885, 1.8817, 4.73, 0.1208),
}
AGE_FROM, AGE_TO = 18, 45

#: Factor on every residual: customers fit the regression less well than the held-out part of the survey does.
CAUTION = 1.12

#: Further standard deviation of the girths' intervals, cm, with which the 80 % intervals hold on civilians: 247 men and
#: 260 women of Heinz, Peterson, Johnson and Kerk, "Exploring Relationships in Body Dimensions", Journal of Statistics
#: Education 11(2), 2003, to whom nothing was fitted. Their women's waists at navel level were 5.3 cm larger on average
#: than the survey's at the same height and weight. Unknown sex: the larger value.
CIVILIAN_SD_CM: Mapping[tuple[Sex, Girth], float] = {
    (MALE, CHEST): 2.0,
    (MALE, WAIST): 2.2,
    (MALE, HIP): 0.0,
    (FEMALE, CHEST): 0.0,
    (FEMALE, WAIST): 5.8,
    (FEMALE, HIP): 0.0,
    (UNKNOWN, CHEST): 2.0,
    (UNKNOWN, WAIST): 5.8,
    (UNKNOWN, HIP): 0.0,
}

#: How far the waist at the narrowest part of the trunk is below the estimate at navel level, cm: the same people.
#: Unknown sex: the middle of both.
NARROWEST_WAIST_OFFSET_CM: Mapping[Sex, float] = {MALE: 2.7, FEMALE: 8.7, UNKNOWN: 5.7}
