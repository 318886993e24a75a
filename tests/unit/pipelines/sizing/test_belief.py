from __future__ import annotations

from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sizing.belief import Belief

MEANS = st.lists(st.floats(60, 150), min_size=1, max_size=8)


@given(means=MEANS, share=st.floats(0.01, 0.99))
def test_the_cdf_of_a_quantile_is_its_share(means: list[float], share: float) -> None:
    belief = Belief.mixture([NormalDist(mean, 4) for mean in means], [1.0] * len(means))
    assert belief.cdf(belief.quantile(share)) == pytest.approx(share, abs=0.002)


def test_mean_and_deviation_are_those_of_the_mixture() -> None:
    belief = Belief.mixture([NormalDist(90, 3), NormalDist(110, 3)], [3, 1])

    assert belief.mean == pytest.approx(95)
    assert belief.stdev == pytest.approx((3**2 + 0.75 * 5**2 + 0.25 * 15**2) ** 0.5)


def test_shifting_moves_the_mean_and_widening_the_deviation_only() -> None:
    belief = Belief.mixture([NormalDist(90, 3)], [1])

    assert belief.shifted(4).mean == 94
    assert belief.widened(4).mean == 90
    assert belief.widened(4).stdev == pytest.approx(5)
