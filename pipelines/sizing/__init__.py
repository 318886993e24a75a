"""The size recommendation as pure functions of landmarks and facts. Lengths in cm, weights in kg, ages in years."""

from pipelines.sizing.errors import SizingRefused, UnknownChart
from pipelines.sizing.recommend import check_asked, recommend

__all__ = ["SizingRefused", "UnknownChart", "check_asked", "recommend"]
