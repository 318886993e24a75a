"""Structural similarity of two pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

#: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", for 8-bit samples.
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
#: Side of the uniform square window in pixels, instead of the paper's Gaussian window of 11.
_WINDOW = 7


def ssim(first: Image.Image, second: Image.Image) -> float:
    """Return the mean SSIM of two pictures of equal size in mode L: 1 if identical, about 0 if unrelated.

    Raises:
        ValueError: The sizes differ.
    """
    import numpy as np  # noqa: PLC0415  comes with the sizing extra; only the benchmark needs it

    if first.size != second.size:
        raise ValueError(f"Pictures must have the same size; got {first.size} and {second.size}.")
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    mean_a, mean_b = _mean(a), _mean(b)
    variance_a, variance_b = _mean(a * a) - mean_a**2, _mean(b * b) - mean_b**2
    covariance = _mean(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    return float((similarity / ((mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2))).mean())


def _mean(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the mean of every full window, from differences of the summed-area table."""
    import numpy as np  # noqa: PLC0415  as above

    sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    n = _WINDOW
    means: np.ndarray[Any, Any] = (sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]) / n**2
    return means
