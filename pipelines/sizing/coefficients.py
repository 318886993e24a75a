"""The regressions behind the girths.

Fitted on ANSUR II, the US Army's public survey of 4,082 men and 1,986 women (Gordon et al., 2014), with held-out
splits, and checked on two civilian data sets that were never fitted on. Lengths and girths in cm, weights in kg.

A girth is `const + height·H + shape·S + age·a` with H the stature, S = 100·√(weight / H), which is the diameter
of a body of that weight but for a factor, and a the age held between 18 and 45. `sd` is the standard deviation of the
residual on people who were held out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.sizing import Girth, Sex

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

#: Age says something about the waist only, and only where the sex is known.
WITH_WEIGHT_AND_AGE: Mapping[tuple[Sex, Girth], Line] = {
    (MALE, WAIST): Line(-37.3983, -0.0304, 1.8796, 4.08, 0.2043),
    (FEMALE, WAIST): Line(-23.9312, -0.0885, 1.8817, 4.73, 0.1208),
}
AGE_FROM, AGE_TO = 18, 45

WITHOUT_WEIGHT: Mapping[tuple[Sex, Girth], Line] = {
    (MALE, CHEST): Line(50.4543, 0.3155, 0.0, 8.47),
    (MALE, WAIST): Line(34.5645, 0.3388, 0.0, 10.93),
    (MALE, HIP): Line(35.2332, 0.3799, 0.0, 7.21),
    (FEMALE, CHEST): Line(40.2366, 0.3344, 0.0, 7.99),
    (FEMALE, WAIST): Line(28.0017, 0.3567, 0.0, 9.73),
    (FEMALE, HIP): Line(29.1940, 0.4478, 0.0, 7.03),
    (UNKNOWN, CHEST): Line(0.5547, 0.5893, 0.0, 8.61),
    (UNKNOWN, WAIST): Line(8.8320, 0.4801, 0.0, 10.42),
    (UNKNOWN, HIP): Line(66.9555, 0.2073, 0.0, 7.38),
}
#: Without a weight soldiers don't stand for civilians: the estimate was this much too high on the civilian data (men,
#: women; the larger of the two for unknown). It is added to the uncertainty, not taken off: other civilians differ.
CIVILIAN_BIAS_CM: Mapping[Sex, float] = {MALE: 5.6, FEMALE: 9.3, UNKNOWN: 9.3}

#: The medians of the five BMI quintiles, for a build of 1 to 5.
BUILD_BMI: Mapping[Sex, tuple[float, ...]] = {
    MALE: (22.6, 25.5, 27.5, 29.6, 33.0),
    FEMALE: (21.3, 23.6, 25.3, 27.1, 29.9),
    UNKNOWN: (22.0, 24.7, 26.7, 28.8, 32.3),
}
#: The residual when the weight is taken from a build that a quarter of people pick one step off. Unknown: the weight's
#: own residual plus the mean of what picking a build adds to the variance of men and women.
BUILD_SD_CM: Mapping[tuple[Sex, Girth], float] = {
    (MALE, CHEST): 4.68,
    (MALE, WAIST): 6.17,
    (MALE, HIP): 3.93,
    (FEMALE, CHEST): 5.22,
    (FEMALE, WAIST): 6.20,
    (FEMALE, HIP): 4.09,
    (UNKNOWN, CHEST): 5.08,
    (UNKNOWN, WAIST): 6.20,
    (UNKNOWN, HIP): 5.11,
}
